'use strict';
// Frames on a descriptor: the same on both sides of a conversation.
const fs = require('fs');

function readExactly(descriptor, count) {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count;) {
    const got = fs.readSync(descriptor, bytes, at, count - at, null);
    if (got === 0) process.reallyExit(0); // the other side is gone
    at += got;
  }
  return bytes;
}

exports.receive = (descriptor) => {
  const length = readExactly(descriptor, 4).readUInt32BE(0);
  return readExactly(descriptor, length).toString('utf8');
};

exports.send = (descriptor, text) => {
  const body = Buffer.from(text, 'utf8');
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  for (let at = 0; at < frame.length;) at += fs.writeSync(descriptor, frame, at);
};
