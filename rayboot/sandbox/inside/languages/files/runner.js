'use strict';
// The program's own process: load the program, then answer calls. Nothing here has to resist the program, which can
// change all of it: an answer is only ever data, judged elsewhere.
require('./stdio.js');
const fs = require('fs');
const vm = require('vm');
const { isGeneratorObject, isPromise } = require('util').types;
const frames = require('./frames.js');
const { encode, decode, snapshot, classes, drained } = require('./plain_data.js');
const CHANNEL = 3;
const FILE = 'program.js';
const TURN = 5;
const BUSY = /Timeout|Immediate|^FS|Process|Worker|MessagePort/;

const receive = () => JSON.parse(frames.receive(CHANNEL));
const send = (message) => frames.send(CHANNEL, JSON.stringify(message));

// What stays here, and is known to the other side by its number: functions, promises, objects of classes.
const held = [];
const numbers = new Map();
const settled = []; // promises of which the other side must hear
const theirs = new Map(); // promises of the test's, and what settles them

function number(value) {
  if (!numbers.has(value)) {
    numbers.set(value, held.push(value) - 1);
    if (isPromise(value)) {
      const id = numbers.get(value);
      value.then((result) => settled.push([id, 'ok', encode(result, hold)]), (error) => settled.push([id, 'raised', describe(error)]));
    }
  }
  return numbers.get(value);
}

function hold(value, ifKnown = false) {
  if (ifKnown && !numbers.has(value) && !isPromise(value) && !isGeneratorObject(value)) return undefined;
  if (typeof value === 'function') return ['f', number(value), String(value.name)];
  if (isPromise(value)) return ['p', number(value)];
  return ['o', number(value), classes(value), Boolean(value[Symbol.iterator]), Boolean(value[Symbol.asyncIterator])];
}

function describe(error) {
  const stack = error instanceof Error ? String(error.stack) : '';
  const place = stack.match(/program\.js:(\d+)/);
  return {
    type: error instanceof Error ? String(error.name) : 'throw',
    message: String(error instanceof Error ? error.message : error).slice(0, 1000),
    line: place ? Number(place[1]) : null,
    thrown: encode(error, hold),
  };
}

let current = 0;

// A function of the test. While it runs, it may call the program in turn.
const callable = (id) => (...args) => {
  const asked = current;
  send([asked, 'call', id, args.map((arg) => encode(arg, hold))]);
  for (;;) {
    const message = receive();
    if (message[1] !== 'ok' && message[1] !== 'raised') {
      answer(message, true);
      continue;
    }
    current = asked;
    const value = decode(message[2], made);
    if (message[1] === 'raised') throw value;
    return value;
  }
};

function made([tag, id]) {
  if (tag === 'o') return held[id];
  if (tag === 'p') {
    if (!theirs.has(id)) {
      const promise = new Promise((ok, raised) => theirs.set(id, { ok, raised }));
      promise.catch(() => {}); // the test may wait for it alone
      Object.assign(theirs.get(id), { promise });
    }
    return theirs.get(id).promise;
  }
  return tag === 'f' ? callable(id) : undefined;
}

// Waits for what the program has begun: until a promise settles, or for a while.
async function turn(theirSettled) {
  for (const [id, how, data] of theirSettled) theirs.get(id)[how](decode(data, made));
  for (let n = 0; n < TURN && settled.length === 0; n++) {
    await new Promise((ok) => { setImmediate(ok); });
    if (settled.length === 0 && busy()) await new Promise((ok) => { setTimeout(ok, 1); });
  }
  return busy();
}

const busy = () => process.getActiveResourcesInfo().some((kind) => BUSY.test(kind));
const found = (name) => vm.runInThisContext(name);
const own = (id) => (typeof id === 'number' ? held[id] : found(id));

// A member, in a list; or none, if it is a function, or one that all objects have.
function member(object, key) {
  const value = object[key];
  return typeof value !== 'function' ? [value] : value === Object.prototype[key] ? [] : ['f', value.length];
}

// The names of all members of an object, down to those that all objects have.
function namesOf(object) {
  return object && object !== Object.prototype ? [...Object.getOwnPropertyNames(object), ...namesOf(Object.getPrototypeOf(object))] : [];
}

const actions = {
  kind: (name) => vm.runInThisContext(`typeof ${name}`),
  value: found,
  call: (name, args) => found(name)(...args),
  on: (name, [self, ...args]) => found(name).apply(self, args),
  new: (name, args) => { const made = new (found(name))(...args); number(made); return made; },
  apply: (id, args) => held[id](...args),
  get: (id, [key]) => member(own(id), key),
  set: (id, [key, value]) => { own(id)[key] = value; },
  delete: (id, [key]) => delete own(id)[key],
  keys: (id) => Object.keys(own(id)),
  names: (id) => namesOf(own(id)),
  items: (id) => drained(own(id)[Symbol.iterator](), (item) => item).slice(0, -1),
  laterItems: async (id) => { const items = []; for await (const item of own(id)) items.push(item); return items; },
  method: (id, [key, ...args]) => own(id)[key](...args),
  turn,
};

// Answers a request; gives a promise where the answer has to wait for one.
function answer([asked, what, name, data], isInner = false) {
  current = asked;
  const containers = [];
  const args = what === 'turn' ? [] : data.map((arg) => decode(arg, made, containers));
  const changes = snapshot(containers);
  const say = (value) => {
    const seen = new Map(containers.map((container, at) => [container, at]));
    const result = encode(value, hold, seen);
    const changed = changes(hold, seen);
    send([asked, 'ok', [result, settled.splice(0)], changed]);
  };
  const raise = (error) => send([asked, 'raised', describe(error), []]);
  const done = (value) => { try { say(value); } catch (error) { raise(error); } };
  try {
    const result = actions[what](name, args);
    if (what === 'turn') return result.then(done, raise);
    if (isPromise(result) && !isInner) {
      number(result);
      return new Promise((ok) => { setImmediate(ok); }).then(() => done(result)); // it may have settled by then
    }
    done(result);
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

load();
serve();
