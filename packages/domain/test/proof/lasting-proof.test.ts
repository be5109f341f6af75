import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastingProof, lsn, type NodeSlotStatus, parseSlotName, readinessStates } from '@slotcast/domain';

const proof = {
  kind: 'proven',
  time: 1,
  fromLsn: lsn(1n),
  toLsn: lsn(2n),
  transactions: 1,
  changes: 1,
} as const;
const ownership = { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true };
const written: NodeSlotStatus = {
  kind: 'node_slot',
  node: 's1',
  slot: parseSlotName('app'),
  role: 'standby',
  ownership,
  state: 'ready',
  reasons: [],
  proof,
  time: 1,
};

test('a proof stays with a copy as long as that is the same one, and could take over', {
  timeout: 5000,
}, () => {
  const lasting = readinessStates.filter((state) => lastingProof(written, { ownership, state }) === proof);
  assert.deepEqual(lasting, ['ready', 'lagging', 'unheard', 'retrying']);
  const others = [
    undefined,
    { ...ownership, remaking: true },
    { ...ownership, lineage: 'second' },
    { ...ownership, incarnation: { epoch: 1, seq: 2 } },
  ];
  for (const other of others) {
    assert.equal(lastingProof(written, { ownership: other, state: 'ready' }), undefined);
  }
  const question = { kind: 'question', id: 1n, time: 1, fromLsn: lsn(1n), toLsn: lsn(2n) } as const;
  assert.equal(lastingProof({ ...written, proof: question }, { ownership, state: 'ready' }), undefined);
});
