'use strict';
// Node keeps in memory what a full pipe does not take, so that a program that only prints would never be seen to print
// too much: write at once, and wait.
for (const name of ['stdout', 'stderr']) {
  const { get } = Object.getOwnPropertyDescriptor(process, name);
  const blocking = () => {
    const stream = get.call(process);
    stream._handle?.setBlocking?.(true);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
    return stream;
  };
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: blocking });
}

// A cell has no /dev/stdin.
const fs = require('fs');
for (const name of ['open', 'openSync', 'readFile', 'readFileSync', 'createReadStream']) {
  const genuine = fs[name];
  fs[name] = (path, ...rest) => {
    if (path !== '/dev/stdin') return genuine(path, ...rest);
    if (name === 'createReadStream') return genuine(path, { ...rest[0], fd: 0 });
    if (!name.startsWith('open')) return genuine(0, ...rest);
    return name === 'open' ? rest.at(-1)(null, 0) : 0;
  };
}
require('module').syncBuiltinESMExports();
