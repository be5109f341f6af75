import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkAreas, checkTable } from '@slotcast/domain';

const PAGE = new URL('../../../../docs/reference/doctor.md', import.meta.url);

test('docs/reference/doctor.md lists every check, in the order in which they are printed, and nothing else', {
  timeout: 5000,
}, () => {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => checkAreas.some((area) => line.startsWith('| `') && line.includes(`\` | ${area} |`)));
  const expected = Object.entries(checkTable).map(
    ([name, { area, asks, outcomes }]) => `| \`${name}\` | ${area} | ${asks} | ${outcomes} |`,
  );
  assert.deepEqual(rows, expected);
});
