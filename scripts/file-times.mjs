/**
 * A reporter for node's test runner that writes how long each test outside any suite, and each suite, took: a line with the seconds and the
 * file. Each line is written at once, so that a run which ends early has told what it knows.
 */
import { relative } from 'node:path';

export default async function* fileTimes(source) {
  for await (const { type, data } of source) {
    if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.file !== undefined) {
      yield `${data.details.duration_ms / 1000} ${relative(process.cwd(), data.file)}\n`;
    }
  }
}
