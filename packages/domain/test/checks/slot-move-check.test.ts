import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSlotMoves } from '@slotcast/domain';
import { manifest } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { nodeSlotStatus } from '../status/node-examples.ts';

const said = 'a walsender session on database shop failed: too many';
const decoding = saying(said);
const nodeSlots = [
  nodeSlotStatus('s1', 'moved'),
  ...['a', 'b', 'c', 'd', 'e', 'f'].map((slot) => nodeSlotStatus('s1', slot, { decoding })),
  nodeSlotStatus('s1', 'odd', { decoding: saying('moving it without decoding failed') }),
  nodeSlotStatus('s2', 'odd', { decoding: saying('moving it without decoding failed') }),
  // As it was a standby.
  nodeSlotStatus('p', 'odd', { decoding: saying('moving it without decoding failed') }),
];
const contents = { nodeSlots, manifest: manifest([], { node: 'p' }) };

function found(node: string, inRecovery: boolean): string[] {
  return checkSlotMoves(contents, { node, inRecovery }).map(
    ({ outcome, message }) => `${outcome}: ${message}`,
  );
}

test('a standby tells which of its slots are advanced by decoding, once for each reason', {
  timeout: 5000,
}, () => {
  assert.deepEqual(found('s1', true), [
    `warning: slots a, b, c, d, e and 1 more on node s1 can only be advanced by decoding: ${said}`,
    'warning: slot odd on node s1 can only be advanced by decoding: moving it without decoding failed',
  ]);
  assert.deepEqual(found('s3', true), ['ok: no slot has to be advanced by decoding']);
});

test('the primary tells that of all standbys, and not of itself when it was one', { timeout: 5000 }, () => {
  assert.equal(found('p', false).length, 3);
  assert.ok(found('p', false).every((text) => !text.includes('node p')));
});
