/**
 * A reporter for node's test runner that writes only the tests that failed, each with its place and its error.
 * It is shown once more at the end of a run, as a failure among two thousand tests is hard to find.
 */
import { relative } from 'node:path';
import { inspect } from 'node:util';

/** Lines of one error. A failed comparison of two large values can have thousands. */
const LONGEST_ERROR = 60;

function describe(error) {
  const lines = inspect(error?.cause ?? error, { depth: 4 }).split('\n');
  const shown = lines.slice(0, LONGEST_ERROR).map((line) => `    ${line}`);
  const left = lines.length - shown.length;
  return left > 0 ? [...shown, `    … and ${left} more lines`] : shown;
}

/** True for a suite, or a test, that failed only because one within it did. */
function failedWithin(error) {
  return error?.failureType === 'subtestsFailed';
}

export default async function* failedTests(source) {
  for await (const { type, data } of source) {
    if (type === 'test:fail' && !failedWithin(data.details.error) && data.todo === undefined) {
      const file = data.file === undefined ? '' : `${relative(process.cwd(), data.file)}: `;
      const seconds = (data.details.duration_ms / 1000).toFixed(1);
      yield [`  ${file}${data.name} (${seconds} s)`, ...describe(data.details.error), ''].join('\n');
    }
  }
}
