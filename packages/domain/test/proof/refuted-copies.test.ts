import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeSlotStatus, parseSlotName, reason, refutedBefore } from '@slotcast/domain';

function record(name: string, over: Partial<NodeSlotStatus>): NodeSlotStatus {
  const slot = parseSlotName(name);
  return {
    kind: 'node_slot',
    node: 's1',
    slot,
    role: 'standby',
    ownership: { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true },
    state: 'blocked',
    reasons: [],
    time: 1,
    ...over,
  };
}

test('a process that has just begun knows by the records which copies were refuted, and why', {
  timeout: 5000,
}, () => {
  const said = [reason('refuted'), reason('proof_fails', { said: 'no' })];
  const records = [
    record('refuted', { reasons: [...said, reason('waits_manifest')] }),
    record('making', { state: 'catching_up', reasons: said }),
    record('sound', { state: 'ready' }),
    record('other', { reasons: [reason('missing_wal')] }),
    record('published', { role: 'primary', state: 'ready', reasons: said }),
  ];
  const known = refutedBefore(new Map(records.map((each) => [each.slot, each])));
  assert.deepEqual(
    [...known],
    [
      [parseSlotName('refuted'), said],
      [parseSlotName('making'), said],
    ],
  );
});
