'use strict';
// Frames on a descriptor, and plain data: the same on both sides of a conversation.
const fs = require('fs');
const MAX_DEPTH = 200;

function readExactly(descriptor, count) {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count;) {
    const got = fs.readSync(descriptor, bytes, at, count - at, null);
    if (got === 0) process.exit(0); // the other side is gone
    at += got;
  }
  return bytes;
}

exports.receive = (descriptor) => {
  const length = readExactly(descriptor, 4).readUInt32BE(0);
  return JSON.parse(readExactly(descriptor, length).toString('utf8'));
};

exports.send = (descriptor, message) => {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  for (let at = 0; at < frame.length;) at += fs.writeSync(descriptor, frame, at);
};

// A tag in front of everything that JSON does not say by itself.
function encode(value, depth = 0) {
  if (depth > MAX_DEPTH) return ['x', 'nested too deep', ''];
  const inner = (item) => encode(item, depth + 1);
  switch (typeof value) {
    case 'boolean': case 'string': return value;
    case 'number':
      if (Object.is(value, -0)) return ['n', '-0'];
      return Number.isFinite(value) ? value : ['n', String(value)];
    case 'bigint': return ['i', value.toString()];
    case 'undefined': return ['u'];
    case 'object': break;
    default: return ['x', typeof value, String(value).slice(0, 200)];
  }
  if (value === null) return null;
  if (Array.isArray(value)) return ['l', ...Array.from(value, inner)];
  if (value instanceof Map) return ['m', ...Array.from(value).flat(1).map(inner)];
  if (value instanceof Set) return ['s', ...Array.from(value, inner)];
  if (value instanceof Date) return ['D', value.getTime()];
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return inner(value.valueOf());
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return ['x', String(prototype?.constructor?.name), ''];
  }
  return ['d', ...Object.keys(value).flatMap((key) => [key, inner(value[key])])];
}

class Opaque {
  constructor(kind, text) { this.kind = kind; this.text = text; }
}

function decode(data) {
  if (!Array.isArray(data)) return data;
  const [tag, ...rest] = data;
  const items = () => rest.map(decode);
  switch (tag) {
    case 'l': return items();
    case 'n': return rest[0] === '-0' ? -0 : Number(rest[0]);
    case 'i': return BigInt(rest[0]);
    case 'u': return undefined;
    case 's': return new Set(items());
    case 'D': return new Date(rest[0]);
    case 'm': case 'd': {
      const pairs = [];
      for (let at = 0; at + 1 < rest.length; at += 2) pairs.push([decode(rest[at]), decode(rest[at + 1])]);
      return tag === 'm' ? new Map(pairs) : Object.fromEntries(pairs);
    }
    default: return new Opaque(String(rest[0]), String(rest[1]));
  }
}

exports.encode = encode;
exports.decode = decode;
