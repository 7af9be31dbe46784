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
