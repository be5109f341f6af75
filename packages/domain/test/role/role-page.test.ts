import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { rolePage } from '@slotcast/domain';

test('the page about the role of a node is the one that `npm run diagrams` writes', () => {
  const page = new URL('../../../../docs/internals/role.md', import.meta.url);
  assert.equal(readFileSync(page, 'utf8'), rolePage());
});
