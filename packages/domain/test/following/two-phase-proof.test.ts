import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type LocalSlot,
  MOST_PREPARED_LISTED,
  type NodeStatus,
  noteUnproven,
  type OpenTransaction,
  type PreparedOnPrimary,
  parseSlotName,
  preparedOnPrimary,
  timeline,
  type UnprovenSlot,
  waitsForPrepared,
} from '@slotcast/domain';
import { at, firstTimeline, manifest } from '../event-examples.ts';
import { textOf } from '../reason-examples.ts';
import { nodeStatus } from '../status/node-examples.ts';
import { local, owning } from './plan-situations.ts';

const a = parseSlotName('a');

/** What the primary shows at a position; each transaction is as good as its id. */
function prepared(position: number, ...xids: number[]): PreparedOnPrimary {
  return {
    flushLsn: at(position),
    transactions: xids.map((xid): OpenTransaction => ({ xid, gid: `t${xid}` })),
  };
}

/** What is known of slot `a`, which starts at 0/2000, after the primary was looked at that often. */
function after(...looks: (PreparedOnPrimary | undefined)[]): UnprovenSlot | undefined {
  const seen = {
    local: [local('a', { twoPhase: true })],
    ownership: new Map([[a, owning({ proven: false })]]),
  };
  return looks
    .reduce<ReadonlyMap<typeof a, UnprovenSlot>>(
      (known, look, now) => noteUnproven(known, { ...seen, prepared: look, now }),
      new Map(),
    )
    .get(a);
}

describe('a two_phase slot that its subscriber has passed', { timeout: 20_000 }, () => {
  test('is safe when nothing is prepared on the primary', () => {
    const now = prepared(0x2000);
    assert.equal(waitsForPrepared(after(now), now), undefined);
  });

  test('waits for a transaction that was prepared before it starts, and names it', () => {
    const [first, still, ended] = [prepared(0x2000, 7), prepared(0x3000, 7), prepared(0x4000)];
    assert.match(textOf(waitsForPrepared(after(first), first)), /commit or roll back 7, prepared as 't7'/);
    assert.match(textOf(waitsForPrepared(after(first, still), still)), /prepared as 't7'/);
    assert.equal(waitsForPrepared(after(first, still, ended), ended), undefined);
    const two = prepared(0x2000, 7, 8);
    assert.match(textOf(waitsForPrepared(after(two), two)), /roll back all 2 of them, first 7,/);
  });

  test('does not wait for what was prepared after it starts, however many follow each other', () => {
    const [first, next] = [prepared(0x2000, 7), prepared(0x3000, 8, 9)];
    assert.equal(waitsForPrepared(after(first, next), next), undefined);
  });

  test('waits for a look at the primary at its own start or later', () => {
    assert.match(
      textOf(waitsForPrepared(after(undefined), undefined)),
      /publisher to tell .* at 0\/2000 or later/,
    );
    const early = prepared(0x1fff);
    assert.match(textOf(waitsForPrepared(after(early), early)), /publisher to tell/);
  });

  test('waits while the list may be cut off, as what is not in it may be older', () => {
    const xids = Array.from({ length: MOST_PREPARED_LISTED }, (_, index) => index + 10);
    const many = prepared(0x2000, ...xids);
    assert.match(textOf(waitsForPrepared(after(many), many)), /fewer than 100 transactions are prepared/);
    const fewer = prepared(0x3000, 10, 11);
    assert.match(textOf(waitsForPrepared(after(many, fewer), fewer)), /roll back all 2/);
  });

  test('that was forgotten, as by a restart, waits for all that is prepared then', () => {
    const now = prepared(0x3000, 8);
    assert.match(textOf(waitsForPrepared(undefined, now)), /publisher to tell/);
    assert.match(textOf(waitsForPrepared(after(now), now)), /prepared as 't8'/);
  });
});

describe('what is remembered of a slot that is not safe yet', { timeout: 20_000 }, () => {
  const ownership = new Map([[a, owning({ proven: false })]]);

  function note(known: ReadonlyMap<typeof a, UnprovenSlot>, slots: LocalSlot[], now: number) {
    return noteUnproven(known, { local: slots, ownership, prepared: undefined, now });
  }

  test('begins with its first sight, and ends with the slot', () => {
    const first = note(new Map(), [local('a')], 5);
    assert.equal(note(first, [local('a')], 9).get(a)?.since, 5);
    assert.equal(note(first, [], 9).size, 0);
  });

  test('is of no use for a slot of that name which stands elsewhere', () => {
    const first = note(new Map(), [local('a')], 5);
    assert.equal(note(first, [local('a', { confirmedFlushLsn: at(0x2001) })], 9).get(a)?.since, 9);
  });

  test('is nothing for one in the making, a temporary one, one that is safe, or a foreign one', () => {
    const others = [
      local('a', { confirmedFlushLsn: undefined }),
      local('a', { temporary: true }),
      local('b'),
    ];
    assert.equal(note(new Map(), others, 5).size, 0);
    const seen = { local: [local('a')], ownership: new Map([[a, owning()]]), prepared: undefined, now: 5 };
    assert.equal(noteUnproven(new Map(), seen).size, 0);
  });
});

describe('what the publisher tells of prepared transactions', { timeout: 20_000 }, () => {
  const told = { role: 'primary', flushLsn: at(7), preparedTransactions: [{ xid: 4 }] } as const;

  function tellsOf(over: Partial<NodeStatus>) {
    return preparedOnPrimary(
      new Map([['alpha', nodeStatus('alpha', { ...told, ...over })]]),
      manifest([], { node: 'alpha' }),
      firstTimeline,
    );
  }

  test('is what its record says, with none where it names none', () => {
    assert.deepEqual(tellsOf({}), { flushLsn: at(7), transactions: [{ xid: 4 }] });
    assert.deepEqual(tellsOf({ preparedTransactions: undefined })?.transactions, []);
  });

  test('counts for nothing without a position, from a standby, or on another timeline', () => {
    assert.equal(tellsOf({ flushLsn: undefined }), undefined);
    assert.equal(tellsOf({ role: 'standby' }), undefined);
    assert.equal(tellsOf({ timeline: timeline(2) }), undefined);
    const nodes = new Map([['alpha', nodeStatus('alpha', told)]]);
    assert.equal(preparedOnPrimary(nodes, manifest([], { node: 'bravo' }), firstTimeline), undefined);
    const second = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(5) }] };
    assert.equal(preparedOnPrimary(nodes, manifest([], { node: 'alpha' }), second), undefined);
  });
});
