'use strict';
// What surrounds one test file: the program's functions as stand-ins, and what became of them. Runs in the test's own
// realm, so that all that the test meets is made of its own intrinsics. `host` says what to send and gives the answer.
const { encode, decode, itemOf, fillFrom } = require('./plain_data.js');

const COMMONJS = new Set(['require', 'module', 'exports']);
// What a test calls by these names is its own, or missing: a program's could let all tests pass.
const LIBRARIES = { _: 'lodash', lodash: 'lodash', assert: 'assert' };
const FRAMEWORKS = /^(?:after|afterAll|afterEach|before|beforeAll|beforeEach|chai|describe|expect|it|jest|should|suite|test)$/;
exports.open = (host, entryPoint, load) => {
  // The last comparison that said no, the last call, and the program's last exception: what feedback shows.
  let differing = null;
  let lastCall = '';
  let raised = null;
  let unknown = '';
  let calls = 0;
  let limit = ''; // what the test does, and two processes cannot
  const functions = [];
  let called = false; // one of them
  const show = host.show;

  function refuse(what) {
    limit ||= `${what}, which cannot cross between the test file and the program`;
    throw new Error(limit);
  }

  function replaceContents(target, source) {
    if (Array.isArray(target)) target.splice(0, target.length, ...source);
    else if (target instanceof Map || target instanceof Set) {
      target.clear();
      for (const item of source) target instanceof Map ? target.set(...item) : target.add(item);
    } else if (target instanceof Date) target.setTime(source.getTime());
    else if (ArrayBuffer.isView(target)) target.set(source);
    else {
      for (const key of Object.keys(target)) delete target[key];
      fillFrom(target, source);
    }
  }

  // The two sides' promises, and what is to be told of those of the test.
  const pending = new Map();
  const promises = new Map();
  let settled = [];
  let busy = false;
  let turns = false;

  function promiseOf(id) {
    const promise = new Promise((ok, raised) => pending.set(id, { ok, raised }));
    return promise;
  }

  // Let the program go on with what it has begun.
  function turn() {
    busy = ask('turn', settled.splice(0), []);
    turns = false;
    if (busy || settled.length) later();
  }

  function later() {
    if (!turns) host.later(turn);
    turns = true;
  }

  // Called when nothing is left to do here. Gives whether there is now.
  function settle() {
    if (pending.size === 0 && settled.length === 0 && functions.length === 0) return false;
    const before = [pending.size, calls, called].join();
    turn();
    if (busy || settled.length || before !== [pending.size, calls, called].join()) return true;
    if (pending.size === 0) return false;
    const never = exception({ type: 'Error', message: 'the promise never settles', line: null, thrown: ['E', 'Error', 'the promise never settles', ['d'], []] });
    for (const { raised } of pending.values()) raised(never);
    pending.clear();
    return true;
  }

  const instances = new Map(); // by number
  const ids = new WeakMap(); // of instances and functions of the program

  function hold(value, ifKnown = false) {
    if (ids.has(value)) return ['o', ids.get(value)];
    if (value instanceof Promise) {
      if (!promises.has(value)) {
        const id = promises.size;
        promises.set(value, id);
        const tell = (how) => (result) => { settled.push([id, how, encode(result, hold)]); later(); };
        value.then(tell('ok'), tell('raised'));
      }
      return ['p', promises.get(value)];
    }
    if (ifKnown) return undefined;
    if (typeof value !== 'function') refuse(`the test gives the program an object of class ${value.constructor?.name}`);
    if (!functions.includes(value)) functions.push(value);
    return ['f', functions.indexOf(value)];
  }

  // What the program gives that is not plain data.
  const made = ([tag, what, names, ...iterable]) => {
    if ('pfo'.includes(tag) && !Number.isInteger(what)) throw new TypeError('no number');
    if ('oE'.includes(tag) && !names.every((name) => typeof name === 'string')) throw new TypeError('no names');
    switch (tag) {
      case 'p': return promiseOf(what);
      case 'f': return functionOf(what);
      case 'E': return names.length ? Object.setPrototypeOf(what, prototypeOf(names, Error)) : undefined;
      case 'k': return host.questions.has(names) ? refusing(names) : undefined;
      case 'o': {
        if (!instances.has(what)) instances.set(what, instance(what, names, iterable));
        return instances.get(what);
      }
      default: return undefined;
    }
  };

  // A function of the test's that the program calls.
  function callBack(id, data) {
    const [work, args] = understood(() => [itemOf(functions, id), data.map((arg) => decode(arg, made))]);
    called = true;
    try {
      return ['answer', 'ok', encode(work(...args), hold)];
    } catch (error) {
      return ['answer', 'raised', encode(error, hold)];
    }
  }

  // What `take` makes of an answer. If it cannot, the answer is no data, but written by the program itself.
  function understood(take) {
    try {
      return take();
    } catch {
      return host.malformed();
    }
  }

  const listOf = (...question) => {
    const found = ask(...question);
    return Array.isArray(found) ? found : host.malformed(); // an object of the program's would be asked in turn
  };

  let era = 0; // of what may have changed in the program

  function ask(what, name, args) {
    if (limit) throw new Error(limit);
    const converse = (message) => JSON.parse(host.converse(JSON.stringify(message)));
    const seen = new Map();
    let reply = converse(['ask', what, name, args.map((arg) => encode(arg, hold, seen))]);
    if (!['get', 'keys', 'names'].includes(what)) era += 1;
    while (reply[0] === 'call') reply = converse(callBack(reply[1], reply[2]));
    const [kind, value, changes] = reply;
    if (kind === 'raised') throw exception(value);
    const containers = [...seen.keys()];
    const given = understood(() => ({
      result: decode(value[0], made, containers),
      changed: changes.map(([number, data]) => [itemOf(containers, number), decode(data, made, containers)]),
      settled: value[1].map(([id, how, data]) => [id, how === 'ok', how === 'ok' ? decode(data, made) : exception(data)]),
    }));
    if (what === 'new' || what === 'value') trusted.add(ids.get(given.result));
    for (const [container, contents] of given.changed) replaceContents(container, contents);
    for (const [id, isOk, outcome] of given.settled) {
      pending.get(id)?.[isOk ? 'ok' : 'raised'](outcome);
      pending.delete(id);
    }
    if (what !== 'turn' && (pending.size || functions.length)) later();
    return given.result;
  }

  function exception(description) {
    raised = { error: understood(() => decode(description.thrown, made)), description };
    return raised.error;
  }

  function note(text, args) {
    calls += 1;
    lastCall = `${text}(${args.map(show).join(', ')})`;
  }

  const refusing = (name) => () => refuse(`the test asks an object of the program's by ${name}`);

  const programs = new Map(); // prototypes of the program's classes, by name

  function prototypeOf([name, ...above], base) {
    if (name === undefined) return base.prototype;
    if (!programs.has(name)) programs.set(name, {});
    return Object.setPrototypeOf(programs.get(name), prototypeOf(above, base));
  }

  // What the members of an object or a function of the program's are, wherever it is.
  const members = (target, id, text, isTrusted) => {
    let [read, at] = [new Map(), era];
    const asked = (what, ...args) => {
      if (isTrusted() || at !== era) [read, at] = [new Map(), era];
      const question = `${what} ${args}`;
      if (!read.has(question)) read.set(question, listOf(what, id(), args));
      return read.get(question);
    };
    // An object that learned which member the test looks for could have any.
    const has = (key) => isTrusted() || asked('names').includes(key);
    return {
      get(_, key) {
        if (typeof key !== 'string' || key === 'constructor' || key === 'prototype' || !has(key)) return Reflect.get(target, key);
        const found = asked('get', key);
        if (found.length < 2) return found.length ? found[0] : Reflect.get(target, key);
        if (!isTrusted() && host.questions.has(key)) return refusing(key);
        return (...args) => {
          note(`${text}${key}`, args);
          return ask('method', id(), [key, ...args]);
        };
      },
      set(_, key, value) {
        ask('set', id(), [key, value]);
        return true;
      },
      deleteProperty: (_, key) => ask('delete', id(), [key]),
      ownKeys: () => [...new Set([...Reflect.ownKeys(target), ...listOf('keys', id(), [])])],
      has: (_, key) => Reflect.has(target, key) || (typeof key === 'string' && listOf('keys', id(), []).includes(key)),
      getOwnPropertyDescriptor(_, key) {
        if (typeof key !== 'string' || Object.hasOwn(target, key) || !listOf('keys', id(), []).includes(key)) return Reflect.getOwnPropertyDescriptor(target, key);
        return { value: this.get(target, key), configurable: true, enumerable: true, writable: true };
      },
    };
  };

  // Objects that the test itself has made or named, and classes: it expects objects of those that it uses as such.
  const trusted = new Set();
  const constructed = new Set();
  const applied = new Set();
  const isClass = (name) => !applied.has(name)
    && (constructed.has(name) || (known.has(name) && name !== entryPoint && /^[A-Z]/.test(name)));

  function instance(id, names, [isIterable, isLater]) {
    const target = Object.create(prototypeOf(names, Object));
    const iterators = {
      ...(isIterable && { [Symbol.iterator]: { value: () => listOf('items', id, [])[Symbol.iterator]() } }),
      ...(isLater && { [Symbol.asyncIterator]: { async* value() { yield* await ask('laterItems', id, []); } } }),
    };
    if (isIterable || isLater) Object.setPrototypeOf(target, Object.create(Object.getPrototypeOf(target), iterators));
    const value = new Proxy(target, members(target, () => id, names[0] ? `${names[0]}.` : '', () => trusted.has(id) || isClass(names[0])));
    ids.set(value, id);
    return value;
  }

  function functionOf(id) {
    if (!instances.has(id)) {
      const value = (...args) => {
        note('', args);
        return ask('apply', id, args);
      };
      ids.set(value, id);
      instances.set(id, value);
    }
    return instances.get(id);
  }

  function stub(name) {
    const target = function () {};
    Object.defineProperty(target, 'name', { value: name, configurable: true });
    delete target.length;
    const proxy = new Proxy(target, {
      ...members(target, () => name, `${name}.`, () => true),
      apply(_, self, args) {
        note(name, args);
        applied.add(name);
        const isOn = self !== undefined && self !== null && self !== program && self !== globalThis;
        return isOn ? ask('on', name, [self, ...args]) : ask('call', name, args);
      },
      construct(_, args) {
        note(`new ${name}`, args);
        constructed.add(name);
        return ask('new', name, args);
      },
    });
    if (!programs.has(name)) programs.set(name, target.prototype);
    target.prototype = programs.get(name);
    programs.get(name).constructor = proxy;
    return proxy;
  }

  // Names that neither the test nor JavaScript defines are the program's.
  const known = new Map();
  const isProgrammed = (key) => key === entryPoint || !(key in globalThis || COMMONJS.has(key));
  const program = new Proxy({}, {
    has: (_, key) => typeof key === 'string' && isProgrammed(key),
    get: (_, key) => {
      if (typeof key !== 'string') return undefined;
      if (key !== entryPoint && LIBRARIES[key]) return load(LIBRARIES[key]);
      if (!known.has(key)) {
        const kind = FRAMEWORKS.test(key) && key !== entryPoint ? 'undefined' : key === entryPoint ? 'function' : ask('kind', key, []);
        if (kind === 'undefined') {
          unknown = key;
          throw new ReferenceError(`${key} is not defined`);
        }
        if (kind !== 'function') return ask('value', key, []);
        known.set(key, stub(key));
      }
      return known.get(key);
    },
  });

  // As `module`, with comparisons whose refusal feedback shows.
  function watched(name, module) {
    if (name !== 'lodash') return module;
    const { isEqual } = module;
    module.isEqual = (got, expected) => {
      const equal = isEqual(got, expected);
      if (!equal) differing = [got, expected];
      return equal;
    };
    return module;
  }

  function outcomeOf(error) {
    const told = { call: lastCall };
    if (limit) return unfit(limit);
    if (raised && error === raised.error) {
      const { type, message, line } = raised.description;
      return { ...told, status: 'error', error_type: type, message, line };
    }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (unknown && entryPoint && !calls) return unfit(`it uses ${unknown}, which neither it nor the program defines`);
    if (!calls) return unfit(`it failed before it called the program: ${text}`);
    if (!differing && error && error.code === 'ERR_ASSERTION' && 'actual' in error) differing = [error.actual, error.expected];
    if (!differing) return { ...told, status: 'failed', message: text.slice(0, 1000) };
    return { ...told, status: 'failed', message: 'the result is wrong', got: show(differing[0]), expected: show(differing[1]) };
  }

  const unfit = (why) => ({ status: 'sandbox_error', message: `the test decides nothing: ${why}`.slice(0, 1000) });

  // The outcome of a test whose process would end with this status.
  function ended(status) {
    if (limit) return unfit(limit);
    if (!calls) return unfit('no call of it reached the program');
    if (!status && functions.length && !called) return unfit('the program called none of the functions that the test gave it');
    if (!status) return { status: 'passed' };
    const told = { status: 'failed', call: lastCall, message: `the test ended with exit status ${status}` };
    return differing ? { ...told, got: show(differing[0]), expected: show(differing[1]) } : told;
  }

  return { program, watched, outcomeOf, unfit, ended, settle };
};
