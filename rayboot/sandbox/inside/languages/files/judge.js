'use strict';
// Runs test files whose calls to the program go to another process, one by one.
//
// A test that uses nothing but the language and lodash gets a realm of its own, which costs a tenth of a new process;
// whatever it does to globals and prototypes ends with it. Any other runs as Node would run it, and the process ends with
// it. Either is through when nothing is left to wait for, and its exit status decides.
const fs = require('fs');
const vm = require('vm');
const { inspect } = require('util');
const frames = require('./frames.js');
const CHANNEL = 3;

const send = (message) => frames.send(CHANNEL, JSON.stringify(message));
const context = () => vm.createContext(Object.create(null));
const ordinary = new Set(vm.runInContext('Object.getOwnPropertyNames(globalThis)', context()));
const nodesOwn = Object.getOwnPropertyNames(globalThis).filter((name) => !ordinary.has(name) && name !== 'global');
const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
const NEEDS_NODE = new RegExp(`(?<!console\\.)\\b(?:assert(?=\\s*[.(])|${nodesOwn.join('|')}|import|require(?!\\(\\s*(['"\`])lodash\\1\\s*\\)))\\b`);

// By these a test asks plain data a question, and an object of the program's would answer yes to any: all methods of data
// but those that change it or give what is in it, which the test then looks at; and a Set's of a later Node.
const DATA = [Object, Array, String, Number, Map, Set, Date, RegExp, Promise, DataView, Object.getPrototypeOf(Uint8Array), Buffer];
const HANDLING = new Set(`add at clear copy delete entries fill get keys link normalize pop push reverse set shift sort splice sub
  unshift values write`.split(/\s+/));
const methods = ({ prototype }) => Object.entries(Object.getOwnPropertyDescriptors(prototype))
  .filter(([name, { value }]) => typeof value === 'function' && !HANDLING.has(name)).map(([name]) => name);
const questions = new Set([...DATA.flatMap(methods), 'isDisjointFrom', 'isSubsetOf', 'isSupersetOf']);

const WATCHES = /\b(?:console\.\w+|std(?:out|err)\.write)\s*=[^=]|\bspyOn\b|\bmock\.method\(console/;
const { setTimeout } = globalThis;

const host = {
  questions,
  later: (work) => setTimeout(() => { if (!said) work(); }, 1),
  converse(text) {
    if (said) throw new Error('the test is over');
    frames.send(CHANNEL, text);
    return frames.receive(CHANNEL);
  },
  // Ends this process as well, whatever the test does about exceptions.
  malformed() {
    if (!said) send(['malformed']);
    return frames.receive(CHANNEL);
  },
  show(value) {
    const text = inspect(value, { depth: 6, compact: true, breakLength: Infinity, maxArrayLength: 50, maxStringLength: 200 });
    return text.length > 400 ? `${text.slice(0, 397)}...` : text;
  },
};

// CommonJS modules inside a realm, all of them its own.
const scripts = new Map();
function moduleLoader(realm) {
  const modules = new Map();
  return function load(name) {
    const file = require.resolve(name);
    if (modules.has(file)) return modules.get(file).exports;
    const source = () => `(function (module, exports, require) {${fs.readFileSync(file, 'utf8')}\n})`;
    if (!scripts.has(file)) scripts.set(file, new vm.Script(source(), { filename: file }));
    const module = vm.runInContext('({ exports: {} })', realm);
    modules.set(file, module);
    scripts.get(file).runInContext(realm).call(module.exports, module, module.exports, load);
    return module.exports;
  };
}

// A realm with all that most tests need, made while there is nothing to do.
function freshRealm() {
  const realm = context();
  vm.runInContext('globalThis.global = globalThis', realm);
  const load = moduleLoader(realm);
  load('./realm.js');
  load('lodash');
  return { load, run: (text) => vm.runInContext(text, realm, { filename: 'test.js' }), print: realmConsole(realm) };
}

function realmConsole(realm) {
  const print = (name, args) => console[name](...args);
  const body = "globalThis.console = Object.fromEntries(names.map((name) => [name, (...args) => { print(name, args); }]))";
  const names = Object.keys(console).filter((name) => typeof console[name] === 'function');
  vm.runInContext(`((names, print) => { ${body}; })`, realm)(names, print);
  return vm.runInContext('console', realm);
}

let test = null; // what `open` of realm.js gives
let said = true;
let spent = false;
let outcome = null;
let unfinished = false;
let watches = false;

function say(final) {
  if (said) return;
  said = true;
  const blind = final.status === 'failed' && watches;
  send(['verdict', blind ? test.unfit('it watches what is printed, and the program prints in another process') : final, !spent]);
}

function fail(error) {
  outcome ??= test.outcomeOf(error);
  if (spent) {
    say(outcome);
    process.reallyExit(1);
  }
}

function compiled(run, code) {
  const body = (kind) => `(function (program, require, module, exports) { with (program) { return (${kind}function () {\n${code}\n}).call(exports); } })`;
  try {
    return run(body(''));
  } catch (error) {
    if (!/\bawait\b/.test(code)) throw error;
    return run(body('async '));
  }
}

function begin() {
  const realm = freshRealm();
  const { code, entry_point: entryPoint } = JSON.parse(frames.receive(CHANNEL));
  [said, outcome, unfinished, spent, watches] = [false, null, false, NEEDS_NODE.test(code), WATCHES.test(code)];
  const load = spent ? require : realm.load;
  const run = spent ? (text) => vm.runInThisContext(text, { filename: 'test.js', importModuleDynamically }) : realm.run;
  test = load('./realm.js').open(host, entryPoint, load);
  watchAssert(spent ? console : realm.print);
  let body;
  try {
    body = compiled(run, code);
  } catch (error) {
    outcome = test.unfit(`it is not JavaScript (CommonJS): ${error.message}`);
    return;
  }
  const testRequire = Object.assign((name) => test.watched(name, load(name)), spent ? require : {});
  const module = Object.assign(run('({ exports: {} })'), { id: '.', filename: 'test.js', loaded: false, children: [], paths: [] });
  if (spent) testRequire.main = module;
  try {
    const ending = body(test.program, testRequire, module, module.exports);
    unfinished = Boolean(ending); // it waits at its top level
    ending?.then(() => { unfinished = false; });
  } catch (error) {
    fail(error);
  }
}

// `console.assert` only prints; but a test that says so means to fail.
function watchAssert(console) {
  const print = console.assert;
  console.assert = (condition, ...args) => {
    print.call(console, condition, ...args);
    if (!condition) outcome ??= test.outcomeOf(new Error(`Assertion failed${args.length ? `: ${args.join(' ')}` : ''}`));
  };
}

const final = (status) => say(outcome ?? test.ended(process.exitCode ?? status));
const { reallyExit } = process;
process.reallyExit = (status) => {
  final(status);
  reallyExit.call(process, status);
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('beforeExit', () => {
  if (!said && !outcome && test.settle()) return void setTimeout(() => {}, 0);
  if (unfinished) outcome ??= test.outcomeOf(new Error('the test waits for what never comes'));
  if (spent) {
    process.off('exit', final);
    process.on('exit', final); // after those of the test
    return;
  }
  final(0);
  setImmediate(begin);
});
begin();
