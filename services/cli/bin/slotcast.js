#!/usr/bin/env node
// Every Node.js must be able to read this file, so it imports nothing and has no new syntax: what an old one cannot load would be the
// first thing that its user sees, as the stack of some library.
var oldest = [20, 19];
var version = process.versions.node.split('.').map(Number);

if (version[0] > oldest[0] || (version[0] === oldest[0] && version[1] >= oldest[1])) {
  void import('./start.js');
} else {
  process.stderr.write(
    'slotcast: Node.js ' +
      process.versions.node +
      ' is too old; install Node.js ' +
      oldest.join('.') +
      ' or newer\n',
  );
  process.exitCode = 78;
}
