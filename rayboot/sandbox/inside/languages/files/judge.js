'use strict';
// Runs test files whose calls to the program go to another process. One process judges many programs, one by one.
const { receive, send, encode, decode } = require('./plain_data.js');
const { inspect } = require('util');
const CHANNEL = 3;

class ProgramError extends Error {}

// The last comparison that said no, and the last call: what feedback shows.
let differing = null;
let lastCall = '';

function show(value) {
  const text = inspect(value, { depth: 6, compact: true, breakLength: Infinity, maxArrayLength: 50, maxStringLength: 200 });
  return text.length > 400 ? `${text.slice(0, 397)}...` : text;
}

function replaceContents(target, source) {
  if (Array.isArray(target)) target.splice(0, target.length, ...source);
  else if (target instanceof Map || target instanceof Set) {
    target.clear();
    for (const item of source) target instanceof Map ? target.set(...item) : target.add(item);
  } else {
    for (const key of Object.keys(target)) delete target[key];
    Object.assign(target, source);
  }
}

function ask(what, name, args) {
  send(CHANNEL, ['ask', what, name, args.map((arg) => encode(arg))]);
  const [kind, value, changed] = receive(CHANNEL);
  if (kind === 'raised') throw Object.assign(new ProgramError(value.message), { description: value });
  changed.forEach((arg, at) => { if (arg) replaceContents(args[at], decode(arg[0])); });
  return decode(value);
}

function stub(name) {
  return (...args) => {
    lastCall = `${name}(${args.map(show).join(', ')})`;
    return ask('call', name, args);
  };
}

// Names that neither the test nor JavaScript defines are the program's.
function programNames(entryPoint) {
  const known = new Map();
  return new Proxy(Object.create(null), {
    has: (_, key) => typeof key === 'string' && (key === entryPoint || !(key in globalThis || key === 'require')),
    get: (_, key) => {
      if (typeof key !== 'string') return undefined;
      if (!known.has(key)) {
        if (key !== entryPoint && ask('kind', key, []) !== 'function') throw new ReferenceError(`${key} is not defined`);
        known.set(key, stub(key));
      }
      return known.get(key);
    },
  });
}

function testRequire(name) {
  const module = require(name);
  if (name !== 'lodash') return module;
  const isEqual = (got, expected) => {
    const equal = module.isEqual(got, expected);
    if (!equal) differing = [got, expected];
    return equal;
  };
  return new Proxy(module, { get: (target, key) => (key === 'isEqual' ? isEqual : target[key]) });
}

function outcomeOf(error) {
  if (error instanceof ProgramError) {
    const { type, message, line } = error.description;
    return { status: 'error', error_type: type, message, line, call: lastCall };
  }
  if (differing) {
    return { status: 'failed', message: 'the result is wrong', call: lastCall,
      got: show(differing[0]), expected: show(differing[1]) };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { status: 'failed', message: text.slice(0, 1000), call: lastCall };
}

function judge(code, entryPoint) {
  differing = null;
  lastCall = '';
  try {
    // An inner function, so that the test's own names come before the program's.
    const body = `with (program) { return (function () {\n${code}\n})(); }`;
    new Function('program', 'require', body)(programNames(entryPoint), testRequire);
    return { status: 'passed' };
  } catch (error) {
    return outcomeOf(error);
  }
}

for (;;) {
  const { code, entry_point: entryPoint } = receive(CHANNEL);
  send(CHANNEL, ['verdict', judge(code, entryPoint)]);
}
