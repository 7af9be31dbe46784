'use strict';
// What surrounds one test file: the program's functions as stand-ins, and what became of them. Runs in the test's own
// realm, so that all that the test meets is made of its own intrinsics. `host` says what to send and gives the answer.
const { encode, decode } = require('./plain_data.js');

const COMMONJS = new Set(['require', 'module', 'exports']);

exports.open = (host, entryPoint) => {
  // The last comparison that said no, the last call, and the program's last exception: what feedback shows.
  let differing = null;
  let lastCall = '';
  let raised = null;
  let unknown = '';
  let calls = 0;
  const functions = [];
  const hold = (value) => functions.push(value) - 1;
  const show = host.show;

  function replaceContents(target, source) {
    if (Array.isArray(target)) target.splice(0, target.length, ...source);
    else if (target instanceof Map || target instanceof Set) {
      target.clear();
      for (const item of source) target instanceof Map ? target.set(...item) : target.add(item);
    } else if (ArrayBuffer.isView(target)) target.set(source);
    else {
      for (const key of Object.keys(target)) delete target[key];
      Object.assign(target, source);
    }
  }

  // What the program gives: plain data, or a function. Data with functions inside could say yes to whatever a test asks.
  const given = (data) => (Array.isArray(data) && data[0] === 'f' ? callable(data[1]) : decode(data));

  // A function of the test's that the program calls.
  function callBack(id, args) {
    try {
      return ['answer', 'ok', encode(functions[Number(id)](...args.map(given)))];
    } catch (error) {
      return ['answer', 'raised', encode(error)];
    }
  }

  function ask(what, name, args) {
    const converse = (message) => JSON.parse(host.converse(JSON.stringify(message)));
    let reply = converse(['ask', what, name, args.map((arg) => encode(arg, hold))]);
    while (reply[0] === 'call') reply = converse(callBack(reply[1], reply[2]));
    const [kind, value, changed] = reply;
    if (kind === 'raised') throw exception(value);
    changed.forEach((arg, at) => { if (arg) replaceContents(args[at], decode(arg[0])); });
    if (Array.isArray(value) && value[0] === 'q') return Promise.reject(exception(value[1]));
    if (Array.isArray(value) && value[0] === 'p') return Promise.resolve(given(value[1]));
    return given(value);
  }

  function exception(description) {
    raised = { error: decode(description.thrown), description };
    return raised.error;
  }

  function called(text, args) {
    calls += 1;
    lastCall = `${text}(${args.map(show).join(', ')})`;
  }

  const callable = (id) => (...args) => {
    called('', args);
    return ask('apply', id, args);
  };

  // An object that the test has made of a class of the program's.
  function instance(id, name) {
    return new Proxy({}, {
      get(_, key) {
        if (typeof key !== 'string') return undefined;
        const found = ask('get', id, [key]);
        if (found.length) return found[0];
        return (...args) => {
          called(`${name}.${key}`, args);
          return ask('method', id, [key, ...args]);
        };
      },
      set(_, key, value) {
        ask('set', id, [key, value]);
        return true;
      },
    });
  }

  function stub(name) {
    return new Proxy(function () {}, {
      apply(_, self, args) {
        called(name, args);
        return ask('call', name, args);
      },
      construct(_, args) {
        called(`new ${name}`, args);
        return instance(ask('new', name, args)[0], name);
      },
    });
  }

  // Names that neither the test nor JavaScript defines are the program's.
  const known = new Map();
  const program = new Proxy({}, {
    has: (_, key) => typeof key === 'string' && (key === entryPoint || !(key in globalThis || COMMONJS.has(key))),
    get: (_, key) => {
      if (typeof key !== 'string') return undefined;
      if (!known.has(key)) {
        if (key !== entryPoint && ask('kind', key, []) !== 'function') {
          unknown = key;
          throw new ReferenceError(`${key} is not defined`);
        }
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
    if (!calls) return unfit('no call of it reached the program');
    if (!status) return { status: 'passed' };
    const told = { status: 'failed', call: lastCall, message: `the test ended with exit status ${status}` };
    return differing ? { ...told, got: show(differing[0]), expected: show(differing[1]) } : told;
  }

  return { program, watched, outcomeOf, unfit, ended };
};
