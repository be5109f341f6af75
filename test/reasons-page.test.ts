import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathOf, read } from './support/deploy-files.ts';
import { reasonRows } from './support/reason-rows.ts';

const PAGE = 'docs/reference/reasons.md';
/** Set to write the table of the page instead of comparing it. */
const update = process.env['UPDATE_DOCS'] === 'true';

test('docs/reference/reasons.md has every code, with its facts and its sentence', { timeout: 10_000 }, () => {
  const page = read(PAGE);
  const start = page.indexOf('| code |');
  const table = ['| code | facts | sentence |', '| --- | --- | --- |', ...reasonRows(), ''].join('\n');
  if (update) {
    writeFileSync(pathOf(PAGE), page.slice(0, start) + table);
    return;
  }
  assert.equal(page.slice(start), table, 'run this test with UPDATE_DOCS=true to write the table');
});
