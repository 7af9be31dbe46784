'use strict';
// The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
// change all of it: an answer is only ever data, judged elsewhere.
const fs = require('fs');
const vm = require('vm');
const { receive, send, encode, decode } = require('./plain_data.js');
const CHANNEL = 3;
const FILE = 'program.js';

function describe(error) {
  const stack = error instanceof Error ? String(error.stack) : '';
  const place = stack.match(/program\.js:(\d+)/);
  return {
    type: error instanceof Error ? String(error.name) : 'throw',
    message: String(error instanceof Error ? error.message : error).slice(0, 1000),
    line: place ? Number(place[1]) : null,
  };
}

function call(name, data) {
  const args = data.map(decode);
  const before = args.map((arg) => JSON.stringify(encode(arg)));
  const result = vm.runInThisContext(name)(...args);
  const after = args.map((arg) => encode(arg));
  const changed = after.map((arg, at) => (JSON.stringify(arg) === before[at] ? null : [arg]));
  return [encode(result), changed];
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
    send(CHANNEL, ['syntax', describe(error)]);
    process.exit(1);
  }
  try {
    script.runInThisContext();
  } catch (error) {
    send(CHANNEL, ['raised', describe(error)]);
    process.exit(1);
  }
  send(CHANNEL, ['ready']);
}

load();
for (;;) {
  const [number, what, name, args] = receive(CHANNEL);
  try {
    if (what === 'kind') send(CHANNEL, [number, 'ok', vm.runInThisContext(`typeof ${name}`), []]);
    else send(CHANNEL, [number, 'ok', ...call(name, args)]);
  } catch (error) {
    send(CHANNEL, [number, 'raised', describe(error), []]);
  }
}
