/** A reporter for node's test runner that writes which files took longest: the whole run is as long as these are. */
import { relative } from 'node:path';

const SHOWN = 25;

export default async function* slowestFiles(source) {
  const seconds = new Map();
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.file !== undefined) {
      const file = relative(process.cwd(), data.file);
      seconds.set(file, (seconds.get(file) ?? 0) + data.details.duration_ms / 1000);
    }
  }
  const slowest = [...seconds].toSorted(([, one], [, other]) => other - one).slice(0, SHOWN);
  yield slowest.map(([file, took]) => `  ${took.toFixed(0).padStart(4)} s  ${file}\n`).join('');
}
