import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Hold, lsn, parseSlotName, ROUNDING_BYTES, type SlotLimits } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { shop } from '../vocabulary-examples.ts';
import { live, local, mine, outline, owning, probed, type Situation, verdictOn } from './plan-situations.ts';
import { faultsOf } from './wrong-steps.ts';

/** A copy that stands at `position`; its subscriber was seen to confirm 0/2000. */
function standing(position: number, over: Situation = {}): Situation {
  return {
    events: [live('a')],
    local: [local('a', { confirmedFlushLsn: at(position) })],
    owned: mine,
    ...over,
  };
}

describe('a copy that somebody else touched', { timeout: 20_000 }, () => {
  test('is at risk and made again when it stands beyond what its subscriber ever confirmed', () => {
    const moved = verdictOn(standing(0x2001));
    assert.equal(outline(moved), 'catching_up drop');
    assert.equal(moved.atRisk, true);
    assert.match(whyOf(moved), /is being remade.*at 0\/2001 here.* 0\/2000/);
  });

  test('is kept until the publisher of a promoted server has said that the slot lives, also by the check of steps', () => {
    const moved = standing(0x2001, { isSuperseded: true });
    assert.equal(outline(verdictOn(moved)), 'catching_up');
    assert.equal(verdictOn(moved).atRisk, true);
    const drop = { kind: 'drop', slot: parseSlotName('a'), reason: 'x' } as const;
    assert.match(faultsOf(drop, moved), /sound copy/);
    assert.equal(faultsOf(drop, standing(0x2001)), '');
  });

  test('is as good as any other when it stands within that', () => {
    assert.equal(outline(verdictOn(standing(0x1800))), 'ready advance');
  });

  test('is not ready while another program uses it, wherever it stands, and no step is tried', () => {
    for (const position of [0x1800, 0x2001]) {
      const used = [local('a', { active: true, confirmedFlushLsn: at(position) })];
      const verdict = verdictOn(standing(position, { local: used }));
      assert.equal(outline(verdict), 'conflict');
      assert.equal(verdict.atRisk, true);
      assert.match(whyOf(verdict), /another program uses it/);
      assert.equal(/never seen to confirm/.test(whyOf(verdict)), position > 0x2000);
    }
  });

  test('is waited for, not dropped, when nothing is on record of what was published before', () => {
    const owned = { a: owning({ highestLsn: undefined }) };
    const waits = verdictOn(standing(0x2800, { owned }));
    assert.equal(outline(waits), 'catching_up');
    assert.equal(waits.atRisk, true);
    assert.match(
      whyOf(waits),
      /not on record.*waits for the subscriber of slot a .* 0\/2800 \(now 0\/2000\)/,
    );
    assert.equal(outline(verdictOn(standing(0x2000, { owned }))), 'ready');
  });

  test('follows a subscriber that rounds up to the end of the WAL that there was, and makes its slot', () => {
    const rounded = live('a', { confirmedFlushLsn: at(0x281a) }, { lsn: at(0x2800) });
    const { action } = verdictOn(standing(0x2000, { events: [rounded] }));
    assert.equal(action?.kind === 'advance' && action.goal, at(0x2800));
    assert.equal(outline(verdictOn({ events: [rounded], probes: probed })), 'catching_up own');
  });

  test('never follows a position far beyond all that the server of its subscriber had', () => {
    const far = lsn(0x2801n + ROUNDING_BYTES);
    const faulty = live('a', { confirmedFlushLsn: far }, { lsn: at(0x2800) });
    assert.equal(verdictOn(standing(0x2000, { events: [faulty] })).action, undefined);
    assert.equal(verdictOn({ events: [faulty], probes: probed }).action, undefined);
  });
});

/** The copy needs WAL from 0/1000 on; there is WAL up to 0/9000. */
function limited(limits: SlotLimits, over: Situation = {}) {
  return verdictOn(standing(0x2000, { limits, ...over }));
}

describe('limits of the server', { timeout: 20_000 }, () => {
  test('block a copy that needs more WAL than max_slot_wal_keep_size keeps, and it goes on advancing', () => {
    assert.equal(limited({ keepBytes: 0x8000n }).state, 'ready');
    const events = [live('a', { confirmedFlushLsn: at(0x2100) })];
    const beyond = limited({ keepBytes: 0x7fffn }, { events });
    assert.equal(outline(beyond), 'blocked advance');
    assert.equal(beyond.atRisk, true);
    assert.match(whyOf(beyond), /32768 bytes.* keeps 32767 here.* raise max_slot_wal_keep_size/);
  });

  test('count all WAL that was received, as the checkpoint after a promotion does', () => {
    assert.equal(limited({ keepBytes: 0x8000n }, { endOfWal: at(0x9001) }).state, 'blocked');
  });

  test('have a copy made again whose first WAL file is gone, or of which an advance found that', () => {
    assert.equal(outline(limited({ oldestWalLsn: at(0x1000) })), 'ready');
    assert.equal(outline(limited({ oldestWalLsn: at(0x1001) })), 'catching_up drop');
    const a: Hold = { reasons: [saying('advance failed')], pausing: false, cause: 'missing_wal' };
    assert.equal(outline(limited({}, { holds: { a } })), 'catching_up drop');
    assert.equal(outline(limited({}, { holds: { a: { ...a, pausing: true } } })), 'catching_up');
  });

  test('on idle slots are met by an advance to where the copy stands, in time and in every state', () => {
    const idle = [local('a', { inactiveSince: 1000 })];
    const at20s = { local: idle, now: 21_000 };
    assert.equal(limited({ idleTimeoutMs: 60_000 }, { ...at20s, now: 20_999 }).action, undefined);
    const { action, state } = limited({ idleTimeoutMs: 60_000 }, at20s);
    const position = at(0x2000);
    assert.deepEqual(action, { kind: 'keep', slot: 'a', database: shop, plugin: 'pgoutput', position });
    assert.equal(state, 'ready');
    assert.equal(limited({}, at20s).action, undefined);
    const states: Situation[] = [
      { heartbeatAgeMs: 99_000 },
      { events: [] },
      { policy: { wanted: () => false, dropExtraSlots: false } },
      { owned: { a: owning({ proven: false }) }, events: [live('a', { confirmedFlushLsn: at(1) })] },
    ];
    for (const over of states) {
      const kept = limited({ idleTimeoutMs: 60_000 }, { ...at20s, ...over });
      assert.match(outline(kept), /keep|drop|own$/, whyOf(kept));
    }
  });

  test('on idle slots are no reason to touch a slot that is in use, lost or not of slotcast', () => {
    for (const over of [{ active: true }, { walStatus: 'lost' }, { synced: true }]) {
      const slots = [local('a', { inactiveSince: 0, ...over })];
      const { action } = limited({ idleTimeoutMs: 1 }, { local: slots, now: 99 });
      assert.notEqual(action?.kind, 'keep');
    }
    const foreign = limited({ idleTimeoutMs: 1 }, { owned: {}, now: 99 });
    assert.equal(outline(foreign), 'conflict');
  });
});

describe('a step that failed', { timeout: 20_000 }, () => {
  const person: Hold = {
    reasons: [saying('making the slot failed: no such plugin')],
    pausing: true,
    cause: 'person',
  };
  const passing: Hold = { ...person, cause: 'passing' };

  test('blocks a slot that is still to be made when a person has to fix it, in the pauses and between them', () => {
    const missing = { events: [live('a')] };
    const blocked = verdictOn({ ...missing, holds: { a: person } });
    assert.equal(outline(blocked), 'blocked');
    assert.match(whyOf(blocked), /no such plugin/);
    assert.equal(
      outline(verdictOn({ ...missing, holds: { a: { ...person, pausing: false } } })),
      'blocked probe',
    );
  });

  test('leaves it catching_up when it may work by itself the next time', () => {
    const missing = { events: [live('a')] };
    assert.equal(outline(verdictOn({ ...missing, holds: { a: passing } })), 'catching_up');
    const again = { a: { ...passing, pausing: false } };
    assert.equal(whyOf(verdictOn({ ...missing, holds: again })).includes('no such plugin'), false);
  });

  test('makes a copy that can take over blocked or retrying, and never hides that it could', () => {
    const behind = standing(0x2000, { events: [live('a', { confirmedFlushLsn: at(0x2100) })] });
    assert.equal(outline(verdictOn({ ...behind, holds: { a: person } })), 'blocked');
    const retrying = verdictOn({ ...behind, holds: { a: passing } });
    assert.equal(outline(retrying), 'retrying');
    const unheard = { ...behind, heartbeatAgeMs: 99_000 };
    assert.equal(outline(verdictOn({ ...unheard, holds: { a: passing } })), 'retrying');
    assert.equal(retrying.atRisk, undefined);
  });

  test('leaves a slot that stands here unsafe in the state that says so', () => {
    const unproven = {
      events: [live('a', { twoPhase: true })],
      owned: { a: owning({ proven: false }) },
      local: [local('a', { twoPhase: true })],
    };
    for (const hold of [person, passing]) {
      assert.equal(outline(verdictOn({ ...unproven, holds: { a: hold } })), 'catching_up');
      const moved = verdictOn(standing(0x2001, { holds: { a: hold } }));
      assert.deepEqual([outline(moved), moved.atRisk], ['catching_up', true]);
    }
  });
});
