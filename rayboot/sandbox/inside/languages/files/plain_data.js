'use strict';
// Plain data: a tag in front of everything that JSON does not say by itself. The same on both sides of a conversation.
const MAX_DEPTH = 200;
const MAX_ITEMS = 10000;
const ITERATOR = /^\[object (?:Generator|(?:Array|Map|Set|String|RegExp String) Iterator|Iterator Helper)\]$/;

// `hold` gives a number to a function, by which the other side may call it.
function encode(value, hold, depth = 0) {
  if (depth > MAX_DEPTH) return ['x', 'nested too deep', ''];
  const inner = (item) => encode(item, hold, depth + 1);
  switch (typeof value) {
    case 'boolean': case 'string': return value;
    case 'number':
      if (Object.is(value, -0)) return ['n', '-0'];
      return Number.isFinite(value) ? value : ['n', String(value)];
    case 'bigint': return ['i', value.toString()];
    case 'undefined': return ['u'];
    case 'symbol': return Symbol.keyFor(value) === undefined ? ['x', 'symbol', String(value)] : ['y', Symbol.keyFor(value)];
    case 'function': return hold ? ['f', hold(value), String(value.name)] : ['x', 'function', String(value.name)];
    case 'object': break;
    default: return ['x', typeof value, ''];
  }
  if (value === null) return null;
  if (Array.isArray(value)) return ['l', ...Array.from(value, inner)];
  if (value instanceof Map) return ['m', ...Array.from(value).flat(1).map(inner)];
  if (value instanceof Set) return ['s', ...Array.from(value, inner)];
  if (value instanceof Date) return ['D', value.getTime()];
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return inner(value.valueOf());
  if (value instanceof RegExp) return ['R', value.source, value.flags];
  if (value instanceof Error) return ['E', String(value.name), String(value.message), inner({ ...value })];
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return ['T', Object.prototype.toString.call(value).slice(8, -1), ...Array.from(value, inner)];
  }
  if (ITERATOR.test(Object.prototype.toString.call(value))) return drained(value, inner);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return ['x', String(prototype?.constructor?.name), ''];
  }
  return ['d', ...Object.keys(value).flatMap((key) => [key, inner(value[key])])];
}

// What a generator would give, as far as anybody may ask.
function drained(iterator, inner) {
  const items = [];
  let step = iterator.next();
  for (; !step.done && items.length < MAX_ITEMS; step = iterator.next()) items.push(inner(step.value));
  return ['g', inner(step.done ? step.value : undefined), ...items];
}

let opaques = 0;

// Equal to nothing but itself.
class Opaque {
  constructor(kind, text) { Object.assign(this, { kind, text, number: opaques++ }); }
}

function* replay(result, items) {
  yield* items;
  return result;
}

function errorOf(name, message, fields) {
  const genuine = /^(?:Eval|Range|Reference|Syntax|Type|URI)?Error$/.test(name) ? globalThis[name] : Error;
  const error = Object.assign(new genuine(message), fields);
  return error.name === name ? error : Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
}

// `callable` makes a function of the other side's number of it.
function decode(data, callable) {
  if (!Array.isArray(data)) return data;
  const [tag, ...rest] = data;
  const inner = (item) => decode(item, callable);
  const items = () => rest.map(inner);
  switch (tag) {
    case 'l': return items();
    case 'n': return rest[0] === '-0' ? -0 : Number(rest[0]);
    case 'i': return BigInt(rest[0]);
    case 'u': return undefined;
    case 's': return new Set(items());
    case 'D': return new Date(rest[0]);
    case 'R': return new RegExp(rest[0], rest[1]);
    case 'E': return errorOf(String(rest[0]), String(rest[1]), inner(rest[2]));
    case 'y': return Symbol.for(rest[0]);
    case 'g': return replay(inner(rest[0]), items().slice(1));
    case 'f': return callable ? callable(rest[0]) : new Opaque('function', String(rest[1]));
    case 'T': {
      const typed = /^(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array$|^Float\d+Array$/.test(rest[0]) ? globalThis[rest[0]] : Array;
      return typed.from(items().slice(1));
    }
    case 'm': case 'd': {
      const pairs = [];
      for (let at = 0; at + 1 < rest.length; at += 2) pairs.push([inner(rest[at]), inner(rest[at + 1])]);
      return tag === 'm' ? new Map(pairs) : Object.fromEntries(pairs);
    }
    default: return new Opaque(String(rest[0]), String(rest[1]));
  }
}

exports.encode = encode;
exports.decode = decode;
