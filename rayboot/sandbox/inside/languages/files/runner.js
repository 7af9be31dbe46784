'use strict';
// The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
// change all of it: an answer is only ever data, judged elsewhere.
require('./stdio.js');
const fs = require('fs');
const vm = require('vm');
const { isPromise } = require('util').types;
const frames = require('./frames.js');
const { encode, decode } = require('./plain_data.js');
const CHANNEL = 3;
const FILE = 'program.js';

const receive = () => JSON.parse(frames.receive(CHANNEL));
const send = (message) => frames.send(CHANNEL, JSON.stringify(message));

// Functions that a call has given, and objects that the test has made of the program's classes.
const held = [];
const hold = (value) => held.push(value) - 1;

function describe(error) {
  const stack = error instanceof Error ? String(error.stack) : '';
  const place = stack.match(/program\.js:(\d+)/);
  return {
    type: error instanceof Error ? String(error.name) : 'throw',
    message: String(error instanceof Error ? error.message : error).slice(0, 1000),
    line: place ? Number(place[1]) : null,
    thrown: encode(error),
  };
}

let current = 0;

// A function of the test. While it runs, it may call the program in turn.
const callable = (id) => (...args) => {
  const number = current;
  send([number, 'call', id, args.map((arg) => encode(arg))]);
  for (;;) {
    const message = receive();
    if (message[1] !== 'ok' && message[1] !== 'raised') {
      answer(message);
      continue;
    }
    current = number;
    const value = decode(message[2], callable);
    if (message[1] === 'raised') throw value;
    return value;
  }
};

const actions = {
  kind: (name) => vm.runInThisContext(`typeof ${name}`),
  call: (name, args) => vm.runInThisContext(name)(...args),
  new: (name, args) => [hold(new (vm.runInThisContext(name))(...args))],
  apply: (id, args) => held[id](...args),
  get: (id, [key]) => (typeof held[id][key] === 'function' ? [] : [held[id][key]]),
  set: (id, [key, value]) => { held[id][key] = value; },
  method: (id, [key, ...args]) => held[id][key](...args),
};

// Answers a request; gives a promise where the answer has to wait for one.
function answer([number, what, name, data]) {
  current = number;
  const args = data.map((arg) => decode(arg, callable));
  const before = args.map((arg) => JSON.stringify(encode(arg)));
  const changes = () => args.map((arg) => encode(arg))
    .map((arg, at) => (JSON.stringify(arg) === before[at] ? null : [arg]));
  const say = (value) => send([number, 'ok', value, changes()]);
  // Functions in an object or a list stay here (see realm.js).
  const plain = (value) => (typeof value === 'function' ? encode(value, hold) : encode(value));
  const raise = (error) => send([number, 'raised', describe(error), []]);
  try {
    const result = actions[what](name, args);
    if (isPromise(result)) return result.then((value) => say(['p', plain(value)]), (error) => say(['q', describe(error)]));
    say(plain(result));
  } catch (error) {
    raise(error);
  }
  return undefined;
}

function load() {
  Object.assign(globalThis, { require, module: { exports: {} }, exports: {} });
  // In MBXP programs share a file with the test's preamble, and a few use its two names.
  const lodash = { configurable: true, get: () => require('lodash'), set: (value) => define('_', { value, writable: true }) };
  const define = (name, what) => Object.defineProperty(globalThis, name, { configurable: true, ...what });
  define('_', lodash);
  define('compare', { value: (one, other) => require('lodash').isEqual(one, other), writable: true });
  const source = fs.readFileSync(FILE, 'utf8');
  let script;
  try {
    script = new vm.Script(source, { filename: FILE });
  } catch (error) {
    send(['syntax', describe(error)]);
    process.exit(1);
  }
  try {
    script.runInThisContext();
  } catch (error) {
    send(['raised', describe(error)]);
    process.exit(1);
  }
  send(['ready']);
}

function serve() {
  for (;;) {
    const wait = answer(receive());
    if (wait) return void wait.then(serve);
  }
}

process.on('beforeExit', () => {
  send([current, 'raised', { type: 'Error', message: 'the promise never settles', line: null, thrown: ['u'] }, []]);
  process.exit(1);
});
load();
serve();
