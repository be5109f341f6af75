import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

// Both are read at every garbage collection, so they work although V8 runs already. By default V8 lets the young generation grow to 48 MB
// and the rest to several times what is in use, before it looks for garbage: more memory than everything else here together.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=30');

const main = new URL('../dist/main.js', import.meta.url);

if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write('slotcast is not built yet: run `npm run build` in the checkout first\n');
  process.exitCode = 1;
}
