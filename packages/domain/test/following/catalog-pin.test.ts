import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  findPin,
  judgePin,
  type NodeStatus,
  type PhysicalSlotPin,
  type PhysicalSlotState,
  type PinFacts,
  parseSlotName,
  type SlotEvent,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { slotEvent } from '../event-examples.ts';
import { whyOf } from '../reason-examples.ts';
import { nodeStatus as standby } from '../status/node-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const charlie = { node: 'charlie', hotStandbyFeedback: true, primarySlotName: 'to_charlie' };

/** Physical slots that a standby has for others. */
function holding(name: string, catalogXmin?: number, over: Partial<PhysicalSlotPin> = {}) {
  return [{ name: parseSlotName(name), catalogXmin, ...over }];
}

function onPrimary(name: string, catalogXmin?: number, over: Partial<PhysicalSlotState> = {}): SlotEvent {
  return slotEvent(name, { node: 'alpha' }, { state: physicalSlot(name, { catalogXmin, ...over }) });
}

function pinOf(
  self: Parameters<typeof findPin>[0],
  events: SlotEvent[],
  nodes: NodeStatus[] = [],
  silent: string[] = [],
): PinFacts {
  return findPin(self, {
    slots: new Map(events.map((event) => [event.slot, event])),
    nodes: new Map(nodes.map((node) => [node.node, node])),
    primary: 'alpha',
    silent: new Set(silent),
  });
}

function blockedBy(pin: PinFacts, catalogXmin?: number): string {
  const judged = judgePin(pin, catalogXmin);
  return judged.kind === 'blocked' ? whyOf(judged) : '';
}

describe('pin of a standby that streams from the primary', { timeout: 20_000 }, () => {
  test('its physical slot on the primary holds the pin', () => {
    const pin = pinOf(charlie, [onPrimary('to_charlie', 700)]);
    assert.deepEqual(
      pin.links.map(({ slot, holder, catalogXmin }) => ({ slot, holder, catalogXmin })),
      [{ slot: 'to_charlie', holder: 'alpha', catalogXmin: 700 }],
    );
    assert.equal(judgePin(pin, 700).kind, 'held');
    assert.equal(judgePin(pin, 750).kind, 'held');
  });

  test('a physical slot that holds back less than the slot here needs blocks it, and says both ids', () => {
    const pin = pinOf(charlie, [onPrimary('to_charlie', 751)]);
    assert.match(blockedBy(pin, 750), /to_charlie on alpha .*catalog_xmin 751, needed 750/);
  });

  test('a physical slot that holds back nothing yet blocks a slot, but not the making of one', () => {
    const pin = pinOf(charlie, [onPrimary('to_charlie')]);
    assert.match(blockedBy(pin, 750), /catalog_xmin not set/);
    assert.equal(judgePin(pin, undefined).kind, 'held');
  });

  test('a physical slot that was invalidated holds nothing, though it shows a catalog_xmin', () => {
    const lost = pinOf(charlie, [onPrimary('to_charlie', 700, { walStatus: 'lost' })]);
    assert.match(blockedBy(lost, 750), /to_charlie on alpha was invalidated/);
    assert.match(blockedBy(lost), /was invalidated/);
    const idle = onPrimary('to_charlie', 700, { invalidationReason: 'idle_timeout' });
    const judged = judgePin(pinOf(charlie, [idle]), 750);
    assert.equal(judged.kind, 'blocked');
    assert.match(
      judged.kind === 'blocked' ? judged.remedy : '',
      /on alpha.*pg_drop_replication_slot\('to_charlie'\); SELECT pg_create_physical_replication_slot\('to_charlie', true\);/,
    );
  });

  test('a physical slot whose WAL is about to go holds back catalog rows as long as it is there', () => {
    const late = pinOf(charlie, [onPrimary('to_charlie', 700, { walStatus: 'unreserved' })]);
    assert.equal(judgePin(late, 750).kind, 'held');
  });

  test('a short reconnect changes nothing, as the slot keeps what it holds', () => {
    const away = standby('alpha', {
      role: 'primary',
      physicalSlots: holding('to_charlie', 700, { active: false }),
    });
    const pin = pinOf(charlie, [onPrimary('to_charlie', 700)], [away]);
    assert.equal(judgePin(pin, 750).kind, 'held');
    assert.match(
      blockedBy(pinOf(charlie, [onPrimary('to_charlie')], [away]), 750),
      /nobody streams through it/,
    );
  });

  test('transaction ids are compared in their circle', () => {
    const pin = pinOf(charlie, [onPrimary('to_charlie', 4_294_967_000)]);
    assert.equal(judgePin(pin, 750).kind, 'held');
    assert.match(
      blockedBy(pinOf(charlie, [onPrimary('to_charlie', 750)]), 4_294_967_000),
      /does not hold back/,
    );
  });

  test('hot_standby_feedback off here blocks everything', () => {
    const pin = pinOf({ ...charlie, hotStandbyFeedback: false }, [onPrimary('to_charlie', 700)]);
    assert.match(blockedBy(pin), /hot_standby_feedback is off here.*set hot_standby_feedback = on/);
  });

  test('streaming without a physical slot blocks everything', () => {
    const pin = pinOf({ node: 'charlie', hotStandbyFeedback: true }, [onPrimary('to_charlie', 700)]);
    assert.match(blockedBy(pin), /without a physical slot.*primary_slot_name/);
  });

  test('a physical slot that nobody upstream has blocks everything', () => {
    assert.match(blockedBy(pinOf(charlie, [])), /physical slot to_charlie is not known upstream/);
    const dropped = { ...onPrimary('to_charlie', 700), op: 'drop' as const };
    assert.match(blockedBy(pinOf(charlie, [dropped])), /not known upstream/);
  });

  test('a logical slot of that name is not it', () => {
    const logical = slotEvent('to_charlie', {}, { state: logicalSlot('to_charlie') });
    assert.match(blockedBy(pinOf(charlie, [logical])), /not known upstream/);
  });

  test('a slot of that name on the standby itself or on a server that is no standby is not it', () => {
    const own = standby('charlie', { physicalSlots: holding('to_charlie', 700) });
    const primary = standby('delta', { role: 'primary', physicalSlots: holding('to_charlie', 700) });
    assert.match(blockedBy(pinOf(charlie, [], [own, primary])), /not known upstream/);
  });
});

describe('pin of a cascaded standby', { timeout: 20_000 }, () => {
  const bravo = standby('bravo', {
    primarySlotName: 'to_bravo',
    physicalSlots: holding('to_charlie', 700),
  });

  test('every server up to the primary has to hold it', () => {
    const pin = pinOf(charlie, [onPrimary('to_bravo', 690)], [bravo]);
    assert.deepEqual(
      pin.links.map((link) => link.holder),
      ['bravo', 'alpha'],
    );
    assert.equal(judgePin(pin, 700).kind, 'held');
    assert.match(blockedBy(pinOf(charlie, [onPrimary('to_bravo', 701)], [bravo]), 700), /to_bravo on alpha/);
    assert.match(blockedBy(pin, 699), /to_charlie on bravo/);
  });

  test('a server in between with hot_standby_feedback off, or unknown, passes nothing on', () => {
    for (const hotStandbyFeedback of [false, undefined]) {
      const deaf = { ...bravo, hotStandbyFeedback };
      const pin = pinOf(charlie, [onPrimary('to_bravo', 690)], [deaf]);
      assert.match(blockedBy(pin), /off on node bravo/);
    }
  });

  test('a server in between that streams without a physical slot holds nothing once its stream breaks', () => {
    const loose = standby('bravo', { physicalSlots: holding('to_charlie', 700) });
    const pin = pinOf(charlie, [onPrimary('to_bravo', 690)], [loose]);
    assert.match(blockedBy(pin), /node bravo.* itself streams without a physical slot/);
  });

  test('a slot missing further up is named', () => {
    assert.match(blockedBy(pinOf(charlie, [], [bravo])), /physical slot to_bravo is not known/);
  });

  test('records that lead in a circle end, and hold nothing', () => {
    const delta = standby('delta', { primarySlotName: 'to_charlie', physicalSlots: holding('to_bravo', 1) });
    assert.equal(judgePin(pinOf(charlie, [], [bravo, delta]), undefined).kind, 'blocked');
  });
});

/** What the primary and bravo tell of their slots `to_charlie`; bravo streams from the primary. */
function between(
  there: { alpha?: Partial<PhysicalSlotPin>; bravo?: Partial<PhysicalSlotPin> & { xmin?: number } },
  over: { feedback?: boolean; alphaXmin?: number; silent?: string[] } = {},
): PinFacts {
  const { xmin, ...bravoSlot } = there.bravo ?? {};
  const alpha = standby('alpha', {
    role: 'primary',
    physicalSlots: [...holding('to_charlie', undefined, there.alpha), ...holding('to_bravo', 690)],
  });
  const bravo = standby('bravo', {
    primarySlotName: 'to_bravo',
    hotStandbyFeedback: over.feedback ?? true,
    physicalSlots: holding('to_charlie', xmin, bravoSlot),
  });
  const events = [onPrimary('to_charlie', over.alphaXmin), onPrimary('to_bravo', 690)];
  return pinOf(charlie, events, [alpha, bravo], over.silent);
}

function waysOf(pin: PinFacts): string[] {
  return pin.links.map(({ slot, holder }) => `${slot} on ${holder}`);
}

describe('pin of a standby whose slot name stands on the primary and on a standby, too', {
  timeout: 20_000,
}, () => {
  test('goes through the one that is in use', () => {
    const cascaded = between({ alpha: { active: false }, bravo: { active: true, xmin: 700 } });
    assert.deepEqual(waysOf(cascaded), ['to_charlie on bravo', 'to_bravo on alpha']);
    assert.equal(judgePin(cascaded, 700).kind, 'held');
    const direct = between({ alpha: { active: true }, bravo: { active: false } }, { alphaXmin: 700 });
    assert.deepEqual(waysOf(direct), ['to_charlie on alpha']);
    assert.equal(judgePin(direct, 700).kind, 'held');
  });

  test('is not held by a slot that was left behind on the primary while the one in use passes nothing on', () => {
    const pin = between(
      { alpha: { active: false }, bravo: { active: true, xmin: 700 } },
      { alphaXmin: 600, feedback: false },
    );
    assert.match(blockedBy(pin, 700), /off on node bravo/);
  });

  test('goes through the one that holds something back between two connections, as one made for later does not', () => {
    const pin = between({ alpha: { active: false }, bravo: { active: false } }, { alphaXmin: 700 });
    assert.deepEqual(waysOf(pin), ['to_charlie on alpha']);
    assert.equal(judgePin(pin, 750).kind, 'held');
  });

  test('does not go through one that was left behind on a former primary and invalidated', () => {
    const left = standby('bravo', {
      hotStandbyFeedback: true,
      primarySlotName: 'to_bravo',
      physicalSlots: holding('to_charlie', 600, { active: false, invalidated: true }),
    });
    const events = [onPrimary('to_charlie', 700), onPrimary('to_bravo', 600)];
    assert.deepEqual(waysOf(pinOf(charlie, events, [left])), ['to_charlie on alpha']);
    assert.match(blockedBy(pinOf(charlie, events.slice(1), [left]), 700), /on bravo was invalidated/);
  });

  test('is held only by both while it cannot be told which is in use, and says so otherwise', () => {
    const both = { alpha: { active: true }, bravo: { active: true, xmin: 700 } };
    assert.equal(judgePin(between(both, { alphaXmin: 700 }), 700).kind, 'held');
    const judged = blockedBy(between(both, { alphaXmin: 701 }), 700);
    assert.match(judged, /to_charlie on alpha does not hold back/);
    assert.match(judged, /alpha and bravo each have a physical slot to_charlie.*drop it where it is not/);
    assert.match(blockedBy(between(both, { alphaXmin: 700, feedback: false }), 700), /off on node bravo/);
  });

  test('goes by nothing that a node said of its slots long ago', () => {
    const gone = between(
      { alpha: { active: true }, bravo: { active: true, xmin: 700 } },
      { alphaXmin: 700, feedback: false, silent: ['bravo'] },
    );
    assert.deepEqual(waysOf(gone), ['to_charlie on alpha']);
  });

  test('is looked for wherever it may be while a node does not say what is in use', () => {
    const pin = between({ bravo: { xmin: 700 } }, { alphaXmin: 700 });
    assert.deepEqual(waysOf(pin), ['to_charlie on alpha', 'to_charlie on bravo', 'to_bravo on alpha']);
  });
});

test('a pin is held exactly when every link holds back the needed id', { timeout: 20_000 }, () => {
  const anyLink = fc.record({
    slot: fc.constant('s'),
    holder: fc.constant('h'),
    catalogXmin: fc.option(fc.integer({ min: 740, max: 760 }), { nil: undefined }),
    feedback: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyLink, { minLength: 1 }), fc.integer({ min: 740, max: 760 }), (links, needed) => {
      const held = links.every((link) => link.feedback && (link.catalogXmin ?? Infinity) <= needed);
      const judged = judgePin({ hotStandbyFeedback: true, primarySlotName: 's', links }, needed);
      assert.equal(judged.kind, held ? 'held' : 'blocked');
    }),
  );
});
