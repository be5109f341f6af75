import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lossReports } from '../src/oracle/report.ts';

const HAND_OFF = join(import.meta.dirname, '..', '..', 'hand-off', 'src');

test('what counts as a report is what the hand-off says', async () => {
  const files = (await readdir(HAND_OFF)).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(files.map((name) => readFile(join(HAND_OFF, name), 'utf8')));
  for (const report of lossReports) {
    assert.ok(
      texts.some((text) => text.includes(`'${report}'`)),
      report,
    );
  }
});
