import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSlotName } from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import {
  behindReader,
  hold,
  logicalInstead,
  owningPhysical,
  reader,
  selecting,
} from './physical-situations.ts';
import { live, local, outline, owning, pin, planned, type Situation, verdictOn } from './plan-situations.ts';

const owned = { r: owningPhysical() };

function standing(here: number, there: number, over: Situation = {}): Situation {
  return selecting({ events: [reader(there)], local: [hold(here)], owned, ...over });
}

function targetOf(situation: Situation): bigint | undefined {
  const { action } = verdictOn(situation);
  return action?.kind === 'advance_physical' ? action.target : undefined;
}

describe('a physical slot of the primary', { timeout: 20_000 }, () => {
  test('is none of the standby’s business unless the filter names the kind or the slot', () => {
    assert.deepEqual(planned({ events: [reader(0x3000)], local: [hold(0x2000)] }).verdicts, []);
  });

  test('is owned as a physical one before it is made', () => {
    const { action, state } = verdictOn(selecting({ events: [reader(0x3000)] }));
    assert.deepEqual([state, action], ['catching_up', { kind: 'own', slot: 'r', ownership: owned.r }]);
    assert.equal(
      outline(verdictOn(selecting({ events: [reader(0x3000)], owned }))),
      'catching_up create_physical',
    );
  });

  test('is not made by the ownership of a logical slot of its name', () => {
    const owning1 = selecting({ events: [reader(0x3000)], owned: { r: owning() } });
    assert.equal(outline(verdictOn(owning1)), 'catching_up own');
  });

  test('takes a place of its own, and waits for one', () => {
    const full = selecting({ events: [reader(0x3000)], owned, maxReplicationSlots: 0 });
    assert.equal(outline(verdictOn(full)), 'blocked');
  });

  test('is left out where this standby, or one that it streams from, streams through it', () => {
    const events = [reader(0x3000)];
    const links = [...pin.links, { slot: 'r', holder: 'alpha', feedback: true }];
    for (const upstream of [
      { ...pin, primarySlotName: 'r' },
      { ...pin, links },
    ]) {
      assert.deepEqual(planned(selecting({ events, pin: upstream })).verdicts, []);
      const here = selecting({ events, pin: upstream, local: [hold(0x2000)], owned });
      assert.equal(outline(verdictOn(here)), 'absent drop');
    }
  });

  test('is left out as long as it keeps no WAL, and a copy of it then stays', () => {
    const idle = { ...slotEvent('r', { seq: 1 }), state: physicalSlot('r', { restartLsn: undefined }) };
    assert.deepEqual(planned(selecting({ events: [idle] })).verdicts, []);
    assert.equal(
      outline(verdictOn(selecting({ events: [idle], local: [hold(0x2000)], owned }))),
      'catching_up',
    );
  });

  test('of slotcast’s own is never carried', () => {
    const keep = { ...slotEvent('slotcast_keep', { seq: 1 }), state: physicalSlot('slotcast_keep') };
    assert.deepEqual(planned(selecting({ events: [keep] })).verdicts, []);
  });
});

describe('a copy of a physical slot', { timeout: 20_000 }, () => {
  test('follows its reader, and is ready while it stands nowhere beyond it', () => {
    assert.equal(outline(verdictOn(behindReader)), 'ready advance_physical');
    assert.equal(targetOf(behindReader), at(0x3000));
    assert.equal(outline(verdictOn(standing(0x3000, 0x3000))), 'ready');
  });

  test('never goes past replay, nor past the WAL that the primary had', () => {
    assert.equal(targetOf({ ...behindReader, replayLsn: at(0x2500) }), at(0x2500));
    const early = selecting({
      events: [reader(0x3000, {}, { lsn: at(0x2800) })],
      local: [hold(0x2000)],
      owned,
    });
    assert.equal(targetOf(early), at(0x2800));
    assert.equal(targetOf({ ...behindReader, replayLsn: at(0x2000) }), undefined);
  });

  test('that keeps less than its reader may need catches up, and never goes back', () => {
    const verdict = verdictOn(standing(0x4000, 0x3000));
    assert.equal(outline(verdict), 'catching_up');
    assert.match(whyOf(verdict), /keeps WAL from 0\/4000 on here.* from 0\/3000 on/);
    assert.equal(outline(verdictOn(standing(0x4000, 0x4000))), 'ready');
  });

  test('is not moved while somebody streams through it', () => {
    assert.equal(
      outline(verdictOn(standing(0x2000, 0x3000, { local: [hold(0x2000, { active: true })] }))),
      'ready',
    );
  });

  test('is unheard of, behind, or at its limit like any other', () => {
    assert.equal(outline(verdictOn({ ...behindReader, heartbeatAgeMs: 60_000 })), 'unheard advance_physical');
    const far = standing(0x2000, 0x3000, { waiting: waitingAt(0x900_0000) });
    assert.equal(outline(verdictOn(far)), 'lagging advance_physical');
    const small = { ...behindReader, limits: { keepBytes: 0x1000n } };
    assert.equal(outline(verdictOn(small)), 'blocked advance_physical');
    assert.match(whyOf(verdictOn(small)), /max_slot_wal_keep_size/);
  });

  test('is made anew where the server took it, or its WAL', () => {
    const lostHere = hold(1, { restartLsn: undefined, walStatus: 'lost' });
    for (const situation of [
      standing(0x2000, 0x3000, { local: [lostHere] }),
      standing(0x2000, 0x3000, { limits: { oldestWalLsn: at(0x2800) } }),
      standing(0x2000, 0x3000, {
        holds: { r: { reasons: [saying('gone')], pausing: false, cause: 'missing_wal' } },
      }),
    ]) {
      assert.equal(outline(verdictOn(situation)), 'catching_up drop');
    }
  });

  test('serves a slot that was made anew on the primary as well', () => {
    const anew = reader(0x3000, {}, { seq: 7, incarnation: { epoch: 1, seq: 7 } });
    const { action } = verdictOn(selecting({ events: [anew], local: [hold(0x2000)], owned }));
    const ownership = owningPhysical({ incarnation: { epoch: 1, seq: 7 } });
    assert.deepEqual(action, { kind: 'own', slot: 'r', ownership });
  });

  test('is recorded anew for a recreated topic', () => {
    const old = { r: owningPhysical({ lineage: 'before' }) };
    assert.equal(outline(verdictOn(standing(0x2000, 0x3000, { owned: old }))), 'catching_up own');
  });

  test('is renewed in time before the server takes it for idle', () => {
    const idle = { limits: { idleTimeoutMs: 60_000 }, now: 30_000 };
    const { action } = verdictOn(
      standing(0x3000, 0x3000, { ...idle, local: [hold(0x3000, { inactiveSince: 5000 })] }),
    );
    assert.deepEqual(action, { kind: 'advance_physical', slot: 'r', target: at(0x3000) });
  });
});

describe('a copy of a physical slot that is not wanted any more', { timeout: 20_000 }, () => {
  const gone = slotEvent('r', { seq: 2 }, { op: 'drop', state: physicalSlot('r') });

  test('is dropped when its slot is, is lost, or is not selected', () => {
    for (const over of [
      { events: [gone] },
      { events: [], manifest: manifest([], { seq: 100 }) },
      { policy: { wanted: ({ type }) => type === 'logical' } },
      { events: [reader(0x3000, { walStatus: 'lost', restartLsn: undefined })] },
    ] satisfies Situation[]) {
      assert.match(outline(verdictOn(standing(0x2000, 0x3000, over))), / drop$/);
    }
  });

  test('stays while somebody streams through it', () => {
    const used = verdictOn(
      standing(0x2000, 0x3000, { events: [gone], local: [hold(0x2000, { active: true })] }),
    );
    assert.equal(outline(used), 'absent');
    assert.match(whyOf(used), /another program uses it/);
  });

  test('stays where extra slots are kept, and while the filter is in doubt', () => {
    const kept = standing(0x2000, 0x3000, { events: [gone], policy: { dropExtraSlots: false } });
    assert.equal(outline(verdictOn(kept)), 'absent');
    const filter = { text: 'name_like:nothing', confirmed: false };
    const none = { events: [reader(0x3000), live('a')], policy: { wanted: () => false, filter } };
    const { verdicts } = planned({ ...behindReader, ...none });
    assert.deepEqual(verdicts.map(outline), ['absent', 'ready advance_physical']);
  });

  test('gives its name to a logical slot', () => {
    const situation = selecting({ events: [logicalInstead], local: [hold(0x2000)], owned });
    const other = { ...situation, events: [{ ...logicalInstead, incarnation: { epoch: 1, seq: 7 } }] };
    assert.equal(outline(verdictOn(other)), 'catching_up drop');
  });
});

describe('a slot that slotcast did not make', { timeout: 20_000 }, () => {
  test('keeps its name, whatever is to be done about conflicts', () => {
    const replace = { onConflict: 'replace' } as const;
    const policy = { wanted: () => true, ...replace };
    for (const here of [hold(0x2000), hold(0x2000, { active: true }), local('r')]) {
      const verdict = verdictOn(selecting({ events: [reader(0x3000)], local: [here], policy }));
      assert.equal(outline(verdict), 'conflict');
    }
  });

  test('is not taken for slotcast’s because a logical one of its name was', () => {
    const situation = standing(0x2000, 0x3000, { owned: { r: owning() } });
    assert.equal(outline(verdictOn(situation)), 'conflict');
    const dropped = slotEvent('r', { seq: 2 }, { op: 'drop' });
    assert.equal(outline(verdictOn({ ...situation, events: [dropped] })), 'absent');
  });

  test('is a placeholder where it keeps nothing, and never touched', () => {
    const placeholder = hold(1, { restartLsn: undefined, walStatus: undefined });
    const verdict = verdictOn(standing(1, 0x3000, { local: [placeholder] }));
    assert.equal(outline(verdict), 'conflict');
    assert.match(whyOf(verdict), /slotcast release/);
    const dropped = slotEvent('r', { seq: 2 }, { op: 'drop', state: physicalSlot('r') });
    const gone = standing(1, 0x3000, { events: [dropped], local: [placeholder] });
    assert.deepEqual(planned(gone).verdicts, []);
  });
});

function waitingAt(position: number): NonNullable<Situation['waiting']> {
  const event = reader(position, {}, { seq: 5, lsn: at(position) });
  return new Map([[parseSlotName('r'), { oldest: event, newest: event }]]);
}
