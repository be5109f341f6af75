import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  judgeWal,
  type LogicalSlotState,
  NO_SNAPSHOT,
  type Ownership,
  planRebuild,
  type RebuildInput,
  type RebuildVerdict,
  type SlotEvent,
  type StoppedServer,
  type TopicAtPoint,
} from '@slotcast/domain';
import { at, firstTimeline, manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const incarnation = { epoch: 1, seq: 1 };

function server(over: Partial<StoppedServer> = {}): StoppedServer {
  return {
    major: 18,
    systemIdentifier: manifest([], {}).systemIdentifier,
    history: firstTimeline,
    consistentLsn: at(0x9000),
    goesOn: 'standby',
    slots: new Map(),
    slotCount: 0,
    maxReplicationSlots: 10,
    ...over,
  };
}

interface Case {
  readonly event?: SlotEvent;
  readonly newest?: SlotEvent;
  readonly server?: Partial<StoppedServer>;
  readonly topic?: Partial<TopicAtPoint>;
  readonly owned?: Ownership;
  readonly wanted?: RebuildInput['wanted'];
}

function eventOf(over: Partial<LogicalSlotState> = {}, more: Partial<SlotEvent> = {}): SlotEvent {
  return slotEvent('app', { seq: 5, lsn: 0x3000 }, { state: logicalSlot('app', over), ...more });
}

/** An older server on which slotcast's copy stands. */
function there(over: Partial<LogicalSlotState>): Case {
  return { owned, server: { major: 14, slots: new Map([[eventOf().slot, logicalSlot('app', over)]]) } };
}

/** What becomes of the one slot of a topic. */
function judge(one: Case): RebuildVerdict | undefined {
  const event = one.event ?? eventOf();
  const newest = one.newest ?? event;
  const topic: TopicAtPoint = {
    manifest: manifest(['app'], { seq: 9, lsn: 0x4000 }),
    desired: new Map([[event.slot, event]]),
    furthest: new Map(),
    newest: new Map([[newest.slot, newest]]),
    isWhole: () => true,
    ...one.topic,
  };
  const verdicts = planRebuild({
    server: server(one.server),
    topic,
    wanted: one.wanted ?? (() => true),
    ownership: new Map(one.owned === undefined ? [] : [[event.slot, one.owned]]),
  });
  assert.ok(verdicts.length <= 1);
  return verdicts[0];
}

function codeOf(verdict: RebuildVerdict | undefined): string | undefined {
  return verdict !== undefined && 'reason' in verdict ? verdict.reason.code : verdict?.kind;
}

const owned: Ownership = { incarnation, lineage: 'first', proven: true };

describe('the plan of a rebuild', { timeout: 10_000 }, () => {
  test('installs what the event says, as a copy that its consumer has to prove', () => {
    const verdict = judge({ event: eventOf({ failover: true }, { snapshot: Buffer.from('x') }) });
    assert.ok(verdict !== undefined && 'installation' in verdict);
    assert.equal(verdict.kind, 'install');
    assert.deepEqual(verdict.installation, {
      name: 'app',
      plugin: 'pgoutput',
      databaseOid: 16_384,
      twoPhase: false,
      twoPhaseAt: undefined,
      failover: false,
      restartLsn: 0x1000n,
      confirmedFlushLsn: 0x2000n,
      catalogXmin: 750,
      snapshot: Buffer.from('x'),
    });
    assert.equal(verdict.ownership.proven, false);
  });

  test('on a restored server, and before 16, where nobody could prove it, it is proven, and failover is kept on the restored one', () => {
    const restored = judge({ event: eventOf({ failover: true }), server: { goesOn: 'restored' } });
    assert.ok(restored !== undefined && 'installation' in restored);
    assert.equal(restored.installation.failover, true);
    assert.equal(restored.ownership.proven, true);
    const old = judge({ server: { major: 14 } });
    assert.ok(old !== undefined && 'ownership' in old);
    assert.equal(old.ownership.proven, true);
  });

  test('a client that rounds its position up is followed no further than the WAL of its event', () => {
    const verdict = judge({ event: eventOf({ confirmedFlushLsn: at(0x3010) }) });
    assert.ok(verdict !== undefined && 'installation' in verdict);
    assert.equal(verdict.installation.confirmedFlushLsn, 0x3000n);
  });

  const refused: readonly [what: string, one: Case, code: string][] = [
    ['what the filter does not select', { wanted: () => false }, 'rebuild_unwanted'],
    [
      'a physical slot',
      { event: slotEvent('app', { lsn: 0x3000 }, { state: physicalSlot('app') }) },
      'rebuild_physical',
    ],
    ['a slot without restart_lsn', { event: eventOf({ restartLsn: undefined }) }, 'rebuild_no_position'],
    ['one without catalog_xmin', { event: eventOf({ catalogXmin: undefined }) }, 'rebuild_no_position'],
    ['an invalidated one', { event: eventOf({ walStatus: 'lost' }) }, 'rebuild_no_position'],
    [
      'one whose client confirms far more than there is',
      { event: eventOf({ confirmedFlushLsn: at(0x9000_0000) }) },
      'rebuild_no_position',
    ],
    [
      'one with two_phase of which nobody knows since when',
      { event: eventOf({ twoPhase: true }), server: { major: 15 } },
      'rebuild_two_phase_unknown',
    ],
    [
      'one that is orphaned',
      {
        topic: {
          manifest: manifest(
            [],
            { seq: 9, lsn: 0x4000 },
            { orphans: [{ name: eventOf().slot, incarnation, cause: 'missing', since: 0 }] },
          ),
        },
      },
      'rebuild_orphaned',
    ],
    [
      'on a standby, one that was made anew since',
      { newest: eventOf({}, { incarnation: { epoch: 1, seq: 7 } }) },
      'rebuild_dropped',
    ],
    ['on a standby, one that is gone since', { topic: { newest: new Map() } }, 'rebuild_dropped'],
    [
      'before 16, one whose rows the primary need not keep any more',
      { server: { major: 15 }, newest: eventOf({ catalogXmin: 751 }) },
      'rebuild_rows_not_held',
    ],
    [
      'on a restored server, one whose state at that time may have been compacted away',
      { server: { goesOn: 'restored' }, topic: { isWhole: () => false } },
      'rebuild_history_gone',
    ],
    [
      "a name under which a slot stands that is not slotcast's",
      { server: { slots: new Map([[eventOf().slot, logicalSlot('app')]]) } },
      'rebuild_exists',
    ],
    [
      'one that is there, as a consumer takes it from there',
      { owned, server: { slots: new Map([[eventOf().slot, logicalSlot('app')]]) } },
      'rebuild_stands',
    ],
    [
      'one that is owned in another topic',
      {
        owned: { ...owned, lineage: 'other' },
        server: { major: 14, slots: new Map([[eventOf().slot, logicalSlot('app')]]) },
      },
      'rebuild_exists',
    ],
    ['what has no room', { server: { maxReplicationSlots: 4, slotCount: 4 } }, 'rebuild_no_room'],
    ['a slot whose events are later', { topic: { desired: new Map() } }, 'rebuild_later'],
  ];
  for (const [what, one, code] of refused) {
    test(`leaves out ${what}`, () => {
      assert.equal(codeOf(judge(one)), code);
    });
  }

  test('says nothing of a physical slot that nobody asked for', () => {
    const event = slotEvent('app', { lsn: 0x3000 }, { state: physicalSlot('app') });
    assert.equal(judge({ event, wanted: () => false }), undefined);
  });

  test('says nothing of a slot that was dropped before', () => {
    assert.equal(judge({ event: eventOf({}, { op: 'drop' }), topic: { newest: new Map() } }), undefined);
    const gone = manifest([], { seq: 9, lsn: 0x4000 });
    assert.equal(judge({ topic: { manifest: gone, newest: new Map() } }), undefined);
  });

  test('before 16, where no consumer moves them all the time, an older copy is replaced and a newer one kept', () => {
    assert.equal(judge(there({ confirmedFlushLsn: at(0x1800) }))?.kind, 'replace');
    assert.equal(judge(there({ restartLsn: at(0x800) }))?.kind, 'replace');
    assert.equal(codeOf(judge(there({ plugin: 'test_decoding' }))), 'rebuild_exists');
    assert.equal(judge(there({}))?.kind, 'keep');
    assert.equal(judge(there({ confirmedFlushLsn: at(0x2800) }))?.kind, 'keep');
    assert.equal(
      judge(there({ confirmedFlushLsn: at(0x2800), restartLsn: at(0x800) }))?.kind,
      'keep',
      'a slot never goes back',
    );
  });

  test('replaced slots take no room', () => {
    const full = { major: 14, maxReplicationSlots: 1, slotCount: 1 };
    const slots = new Map([[eventOf().slot, logicalSlot('app', { confirmedFlushLsn: at(0x1800) })]]);
    assert.equal(judge({ owned, server: { ...full, slots } })?.kind, 'replace');
  });
});

describe('the WAL of a slot that is to be installed', { timeout: 10_000 }, () => {
  const plain = judge({});
  const carried = judge({ event: eventOf({}, { snapshot: Buffer.from('x') }) });
  assert.ok(plain !== undefined && carried !== undefined);

  test('must all be there', () => {
    const wal = { missing: ['000000010000000000000001'], open: 'none' } as const;
    assert.equal(codeOf(judgeWal(carried, wal)), 'rebuild_wal_missing');
  });

  test('tells whether transactions were open where it starts; without the state of decoding none may have been, nor may it be unknown', () => {
    for (const open of ['some', 'unknown'] as const) {
      const wal = { missing: [], open };
      assert.equal(codeOf(judgeWal(plain, wal)), 'rebuild_open_transactions');
      assert.equal(judgeWal(carried, wal).kind, 'install');
    }
    assert.equal(judgeWal(plain, { missing: [], open: 'none' }).kind, 'install');
    const none = judge({ event: eventOf({}, { snapshot: NO_SNAPSHOT }) });
    assert.ok(none !== undefined);
    const said = judgeWal(none, { missing: [], open: 'unknown' });
    assert.equal(codeOf(said), 'rebuild_open_transactions', 'that the primary has none proves nothing');
  });
});
