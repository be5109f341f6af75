import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Promotion,
  parseSlotName,
  parseSystemIdentifier,
  primaryStatus,
  promotionSlotStatuses,
  timeline,
  withoutLost,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';

const [a, b, c, d] = (['a', 'b', 'c', 'd'] as const).map(parseSlotName);

const owned = { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true };
const here = (...names: string[]) => names.map((name) => ({ name: parseSlotName(name) }));

function promotion(over: Partial<Promotion> = {}): Promotion {
  const switchLsn = at(0x3000);
  return { timeline: timeline(2), switchLsn, ahead: [], lost: [], time: 5, ...over };
}

describe('what is written after a promotion', { timeout: 20_000 }, () => {
  test('says no more of a slot that it is lost once it was made', () => {
    const lost = [a, b].flatMap((slot) => (slot === undefined ? [] : [{ slot, reasons: [] }]));
    assert.deepEqual(
      withoutLost(promotion({ lost }), parseSlotName('a')),
      promotion({ lost: lost.slice(1) }),
    );
  });

  test('says of the node that it is a primary, with the promotion', () => {
    const facts = {
      node: 'bravo',
      instance: 'one',
      version: '0.1.0',
      systemIdentifier: parseSystemIdentifier('42'),
      timeline: timeline(2),
      serverVersion: 180004,
      serverStartedAt: 5,
      flushLsn: at(0x3100),
      physicalSlots: [],
      oldestTransaction: { xid: 4711, pid: 12 },
      preparedTransactions: [{ xid: 4712, gid: 'order 66' }],
      unreadableSlots: [{ slot: 'broken', reason: saying('its restart_lsn is no position') }],
      lineage: 'first',
    };
    const status = primaryStatus(facts, promotion(), 7);
    assert.deepEqual(status, {
      ...facts,
      kind: 'node',
      role: 'primary',
      wantsStandbySnapshot: false,
      promotion: promotion(),
      time: 7,
    });
  });

  test('tells of every slot that its subscriber must not use, or that is not here, and gives up its ownership', () => {
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
    const statuses = promotionSlotStatuses(
      'bravo',
      promotion({
        ahead: [
          { slot: a, confirmedFlushLsn: at(0x3010), outcome: 'fenced' },
          { slot: b, confirmedFlushLsn: at(0x3020), outcome: 'quarantined' },
          { slot: c, confirmedFlushLsn: at(0x3030), outcome: 'unsafe' },
        ],
        lost: [
          { slot: d, reasons: [saying('it was catching up')] },
          { slot: b, reasons: [saying('no slot of that name was here')] },
        ],
      }),
      {
        kept: new Map(),
        owned: new Map([a, b, c, d].map((slot) => [slot, owned])),
        here: here('a', 'b_diverged', 'c'),
        time: 7,
      },
    );
    assert.deepEqual(
      statuses.map(({ slot, state }) => [slot, state]),
      [
        ['b', 'diverged'],
        ['c', 'diverged'],
        ['d', 'absent'],
      ],
    );
    assert.ok(statuses.every((status) => status.role === 'primary' && status.ownership === undefined));
    const [quarantined, unsafe, lost] = statuses.map(whyOf);
    assert.match(quarantined ?? '', /0\/3020.*0\/3000.*b_diverged/);
    assert.match(unsafe ?? '', /0\/3030.*0\/3000.*skipped/);
    assert.match(lost ?? '', /it was catching up/);
  });

  test('keeps the ownership of a slot of which only its subscriber is in doubt: it is still the one that was published', () => {
    assert.ok(a !== undefined);
    const unknown = promotion({ ahead: [{ slot: a, confirmedFlushLsn: at(0x3010), outcome: 'unknown' }] });
    const unproven = { ...owned, proven: false };
    const ownershipOf = (
      known: Pick<Parameters<typeof promotionSlotStatuses>[2], 'kept' | 'owned' | 'here'>,
    ) => promotionSlotStatuses('bravo', unknown, { ...known, time: 7 }).map(({ ownership }) => ownership);
    const on = new Map([[a, owned]]);
    assert.deepEqual(ownershipOf({ kept: new Map(), owned: on, here: here('a') }), [owned]);
    assert.deepEqual(ownershipOf({ kept: on, owned: new Map([[a, unproven]]), here: here('a') }), [owned]);
    assert.deepEqual(ownershipOf({ kept: new Map(), owned: on, here: [] }), [undefined]);
  });

  test('keeps the ownership of a slot that may still be made from a leading one', () => {
    assert.ok(d !== undefined);
    const remade = { ...owned, remaking: true };
    const lost = promotion({ lost: [{ slot: d, reasons: [] }] });
    const known = { kept: new Map([[d, remade]]), owned: new Map(), here: [], time: 7 };
    const [status] = promotionSlotStatuses('bravo', lost, known);
    assert.deepEqual([status?.slot, status?.ownership], [d, remade]);
  });

  test('says nothing of slots that were handed over', () => {
    assert.ok(a !== undefined);
    const known = { kept: new Map(), owned: new Map([[a, owned]]), here: here('a'), time: 7 };
    assert.deepEqual(promotionSlotStatuses('bravo', promotion(), known), []);
  });
});
