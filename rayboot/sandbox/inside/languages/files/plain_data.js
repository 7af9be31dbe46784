'use strict';
// Plain data: a tag in front of everything that JSON does not say by itself. The same on both sides of a conversation.
//
// Containers are numbered as they come, on both sides alike: one that comes again is told by its number, and so is one of
// the other side's that comes back, or that has changed (`snapshot`).
const MAX_DEPTH = 200;
const MAX_ITEMS = 10000;
const ITERATOR = /^\[object (?:Generator|(?:Array|Map|Set|String|RegExp String) Iterator|Iterator Helper)\]$/;
const TYPED = /^(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array$|^Float\d+Array$/;
const GENUINE = new Set(Object.values(Object.getOwnPropertyDescriptors(globalThis)).map((own) => own.value));

// The classes of an object, down to those of JavaScript itself.
function classes(value) {
  const names = [];
  for (let at = Object.getPrototypeOf(value); at; at = Object.getPrototypeOf(at)) {
    const name = Object.hasOwn(at, 'constructor') && typeof at.constructor === 'function' ? String(at.constructor.name) : '';
    if (GENUINE.has(at.constructor)) break;
    if (name) names.push(name);
  }
  return names;
}

const isPlain = (value) => {
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !value[Symbol.iterator] && !value[Symbol.asyncIterator]
    && Object.values(Object.getOwnPropertyDescriptors(value)).every((own) => 'value' in own && typeof own.value !== 'function');
};

// `hold` says how that may cross which is no data: a function, a promise, an object of a class.
function encode(value, hold = () => undefined, seen = new Map(), depth = 0) {
  const inner = (item) => encode(item, hold, seen, depth + 1);
  const opaque = (kind) => ['x', kind, ''];
  switch (typeof value) {
    case 'boolean': case 'string': return value;
    case 'number':
      if (Object.is(value, -0)) return ['n', '-0'];
      return Number.isFinite(value) ? value : ['n', String(value)];
    case 'bigint': return ['i', value.toString()];
    case 'undefined': return ['u'];
    case 'symbol': return Symbol.keyFor(value) === undefined ? opaque('symbol') : ['y', Symbol.keyFor(value)];
    case 'function': return hold(value) ?? opaque('function');
    case 'object': break;
    default: return opaque(typeof value);
  }
  if (value === null) return null;
  if (seen.has(value)) return ['=', seen.get(value)];
  if (depth > MAX_DEPTH) return hold(value) ?? opaque('data that is nested too deep');
  const known = hold(value, true);
  if (known) return known;
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return inner(value.valueOf());
  if (value instanceof RegExp) return ['R', value.source, value.flags];
  if (value instanceof Error) return ['E', String(value.name), String(value.message), inner({ ...value }), classes(value), ...('cause' in value ? [inner(value.cause)] : [])];
  if (ITERATOR.test(Object.prototype.toString.call(value))) return ['g', ...drained(value, inner)];
  if (isContainer(value) ? !contents(value) : !isPlain(value)) return hold(value) ?? opaque(classes(value)[0] ?? 'object');
  seen.set(value, seen.size);
  return encodeContents(value, inner);
}

const isContainer = (value) => Array.isArray(value) || value instanceof Map || value instanceof Set || value instanceof Date || ArrayBuffer.isView(value);

// What is directly in a container; null: it is none.
function contents(value) {
  if (Array.isArray(value)) return Array.from(value);
  if (value instanceof Map) return Array.from(value).flat(1);
  if (value instanceof Set) return Array.from(value);
  if (value instanceof Date) return [value.getTime()];
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? null : Array.from(value);
  return Object.keys(value).flatMap((key) => [key, value[key]]);
}

function encodeContents(value, inner) {
  const items = contents(value);
  if (Array.isArray(value)) return ['l', ...items.map(inner)];
  if (value instanceof Map) return ['m', ...items.map(inner)];
  if (value instanceof Set) return ['s', ...items.map(inner)];
  if (value instanceof Date) return ['D', ...items.map(inner)];
  if (ArrayBuffer.isView(value)) {
    return ['T', value instanceof (globalThis.Buffer ?? Map) ? 'Buffer' : Object.prototype.toString.call(value).slice(8, -1), ...items.map(inner)];
  }
  return ['d', ...items.map((item, at) => (at % 2 ? inner(item) : item))];
}

// A function that gives new contents for those of the containers that have changed.
function snapshot(containers) {
  const before = containers.map(contents);
  return (hold, seen) => containers.flatMap((container, number) => {
    const now = contents(container);
    const same = now.length === before[number].length && now.every((item, at) => Object.is(item, before[number][at]));
    if (same) return [];
    seen.set(now, seen.size); // the other side counts the new contents as a container, too
    return [[number, encodeContents(container, (item) => encode(item, hold, seen))]];
  });
}

// What a generator would give, as far as anybody may ask; its result last.
function drained(iterator, inner) {
  const items = [];
  let step = iterator.next();
  for (; !step.done && items.length < MAX_ITEMS; step = iterator.next()) items.push(inner(step.value));
  return [...items, inner(step.done ? step.value : undefined)];
}

let opaques = 0;

// Equal to nothing but itself.
class Opaque {
  constructor(kind, text) { Object.assign(this, { kind, text, number: opaques++ }); }
}

function* replay(items) {
  const result = items.pop();
  yield* items;
  return result;
}

function errorOf(name, message, fields, cause) {
  const genuine = /^(?:Eval|Range|Reference|Syntax|Type|URI)?Error$/.test(name) ? globalThis[name] : Error;
  const error = fillFrom(new genuine(message, ...cause.map((value) => ({ cause: value }))), fields);
  return error.name === name ? error : Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
}

const fill = (target, key, value) => Object.defineProperty(target, key, { value, configurable: true, enumerable: true, writable: true });

// Unlike `Object.assign`, gives a field called `__proto__` and no other prototype.
function fillFrom(target, source) {
  for (const key of Object.keys(source)) fill(target, key, source[key]);
  return target;
}

// By a number that the other side says. It may say anything, such as the name of what every list has.
function itemOf(list, number) {
  if (!Number.isInteger(number) || number < 0 || number >= list.length) throw new TypeError(`there is no number ${number}`);
  return list[number];
}

// `callable` makes something of what the other side holds; `made` are the containers so far, by number.
function decode(data, callable = () => undefined, made = []) {
  if (!Array.isArray(data)) return data;
  const [tag, ...rest] = data;
  const inner = (item) => decode(item, callable, made);
  const container = (value) => made.push(value) && value;
  switch (tag) {
    case '=': return itemOf(made, rest[0]);
    case 'n': return rest[0] === '-0' ? -0 : Number(rest[0]);
    case 'i': return BigInt(rest[0]);
    case 'u': return undefined;
    case 'l': return rest.reduce((list, item) => { list.push(inner(item)); return list; }, container([]));
    case 's': return rest.reduce((set, item) => set.add(inner(item)), container(new Set()));
    case 'D': return container(new Date(inner(rest[0])));
    case 'R': return new RegExp(rest[0], rest[1]);
    case 'E': {
      const fields = inner(rest[2]);
      const error = errorOf(String(rest[0]), String(rest[1]), fields, rest.slice(4).map(inner));
      return callable(['E', error, rest[3]]) ?? error;
    }
    case 'y': return Symbol.for(rest[0]);
    case 'g': return replay(rest.map(inner));
    case 'f': case 'o': case 'p': return callable(data) ?? new Opaque('function', '');
    case 'T': {
      const typed = rest[0] === 'Buffer' ? globalThis.Buffer ?? Uint8Array : TYPED.test(rest[0]) ? globalThis[rest[0]] : Array;
      return container(typed.from(rest.slice(1).map(inner)));
    }
    case 'm': case 'd': {
      const value = container(tag === 'm' ? new Map() : {});
      for (let at = 0; at + 1 < rest.length; at += 2) {
        const [key, item] = [inner(rest[at]), inner(rest[at + 1])];
        if (tag === 'm') value.set(key, item);
        else fill(value, key, typeof item === 'function' ? callable(['k', item, key]) ?? item : item);
      }
      return value;
    }
    default: return callable(data) ?? new Opaque(String(rest[0]), String(rest[1]));
  }
}

module.exports = { encode, decode, snapshot, classes, drained, itemOf, fillFrom };
