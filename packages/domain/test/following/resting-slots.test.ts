import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Plan, type PlanInput, parseSlotName, plan } from '@slotcast/domain';
import { at, manifest } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { live, local, owning, pin, policy } from './plan-situations.ts';

const a = parseSlotName('a');
const b = parseSlotName('b');
const event = live('a');
const other = live('b');

/** Two slots at rest. */
const localA = local('a', { inactiveSince: 0 });
const localB = local('b', { inactiveSince: 0 });

const calm: PlanInput = {
  desired: new Map([
    [a, event],
    [b, other],
  ]),
  furthest: new Map([
    [a, at(0x2000)],
    [b, at(0x2000)],
  ]),
  manifest: manifest(['a', 'b'], { seq: 100 }),
  waiting: new Map(),
  replayLsn: at(0x9000),
  endOfWal: at(0x9000),
  limits: { keepBytes: 0x9000n, idleTimeoutMs: 60_000, oldestWalLsn: at(1) },
  local: [localA, localB],
  ownership: new Map([
    [a, owning({ highestLsn: undefined })],
    [b, owning()],
  ]),
  probes: new Map(),
  unloadable: new Map(),
  held: new Map(),
  unproven: new Map(),
  rhythms: new Map(),
  pin,
  making: { kind: 'none' },
  anchored: false,
  maxReplicationSlots: 10,
  syncReplicationSlots: false,
  heartbeatAgeMs: 0,
  now: 0,
  policy,
};

/** What may become of a standby whose slots were at rest. */
const changes: Readonly<Record<string, Partial<PlanInput>>> = {
  'the slot moves on the primary': {
    desired: new Map([
      [a, live('a', { confirmedFlushLsn: at(0x2500) })],
      [b, other],
    ]),
  },
  'the slot is dropped on the primary': {
    desired: new Map([
      [a, { ...event, op: 'drop' as const }],
      [b, other],
    ]),
  },
  'the slot is not in a newer manifest': { manifest: manifest(['b'], { seq: 101 }) },
  'the topic is recreated': { manifest: manifest(['a', 'b'], { seq: 100 }, { lineage: 'second' }) },
  'an event waits': {
    waiting: new Map([
      [a, { oldest: live('a', { confirmedFlushLsn: at(0x8000) }, { time: -99_000 }), newest: event }],
    ]),
  },
  'the copy is gone': { local: [localB] },
  'the copy was moved by hand': { local: [{ ...localA, confirmedFlushLsn: at(0x3000) }, localB] },
  'the copy is read': { local: [{ ...localA, active: true }, localB] },
  'the copy is invalidated': { local: [{ ...localA, walStatus: 'lost' }, localB] },
  'its row cannot be read': { local: [localB], unreadable: [{ slot: 'a', reason: saying('odd') }] },
  'ownership is lost': { ownership: new Map([[b, owning()]]) },
  'the record says that less was confirmed': {
    furthest: new Map([[b, at(0x2000)]]),
    ownership: new Map([
      [a, owning({ highestLsn: at(0x1000) })],
      [b, owning()],
    ]),
  },
  'less was confirmed by its events': {
    furthest: new Map([
      [a, at(0x1000)],
      [b, at(0x2000)],
    ]),
  },
  'the slot is held': {
    held: new Map([[a, { reasons: [saying('it failed')], pausing: false, cause: 'missing_wal' as const }]]),
  },
  'the publisher falls silent': { heartbeatAgeMs: 99_000 },
  'WAL grows beyond what is kept': { endOfWal: at(0x90000) },
  'WAL is removed': { limits: { ...calm.limits, oldestWalLsn: at(0x8000) } },
  'time passes': { now: 30_000 },
  'the pin is lost': { pin: { ...pin, links: [], missing: 'to_bravo' } },
  'hot_standby_feedback is switched off': { pin: { ...pin, hotStandbyFeedback: false } },
  'the plugin cannot be loaded': {
    unloadable: new Map([
      ['test_decoding', 'no such file'],
      ['pgoutput', 'no such file'],
    ]),
  },
  'the server allows no plugin': { serverPlugins: [] },
  'the filter changes': { policy: { ...policy, wanted: (slot) => slot.name !== 'a' } },
};

function without(planned: Plan): Plan {
  return { ...planned, resting: undefined };
}

describe('a plan for slots that were at rest', () => {
  const before = plan(calm);

  test('keeps the verdicts as long as nothing changes', () => {
    const { resting } = before;
    assert.equal(resting?.slots.size, 2);
    const later = { ...calm, replayLsn: at(0x9100), now: 10_000, heartbeatAgeMs: 100, pin: { ...pin } };
    const then = plan(later, resting);
    assert.deepEqual(without(then), without(plan(later)));
    assert.equal(then.verdicts[0], before.verdicts[0]);
    assert.equal(then.resting?.slots, resting?.slots);
  });

  for (const [what, change] of Object.entries(changes)) {
    test(`is as good as new when ${what}`, () => {
      const input = { ...calm, ...change };
      const afresh = plan(input);
      assert.notDeepEqual(without(afresh), without(before), 'the change changes the plan');
      assert.deepEqual(without(plan(input, before.resting)), without(afresh));
    });
  }
});
