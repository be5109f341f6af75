import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  applyPublished,
  diffSlots,
  eventsFromChanges,
  freshThrottle,
  type LogicalSlotState,
  lsn,
  MOVE_GAP_MS,
  type PublishedSlots,
  parseSlotName,
  type SlotChange,
  type SlotState,
  selectDue,
  timeline,
  UPKEEP_GAP_MS,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

/** A publication of one change. */
interface Published {
  readonly at: number;
  readonly change: SlotChange;
}

/** A publisher without a server and a topic: polls when told to, and keeps what it has published. */
class Publisher {
  readonly log: Published[] = [];
  nextDueAt: number | undefined;
  isReportAwaited = false;
  #published: PublishedSlots = new Map();
  #state = freshThrottle;
  readonly #maxEventsPerSecond: number;

  constructor(maxEventsPerSecond = 500) {
    this.#maxEventsPerSecond = maxEventsPerSecond;
  }

  /** Returns the kinds of what was published. */
  poll(now: number, observed: readonly SlotState[]): string[] {
    const published = this.#published;
    const changes = diffSlots({ published, observed, continuity: 'same_run' });
    const selection = selectDue({
      changes,
      published,
      state: this.#state,
      now,
      maxEventsPerSecond: this.#maxEventsPerSecond,
      isReportAwaited: this.isReportAwaited,
    });
    const origin = { lsn: lsn(1n), timeline: timeline(1), epoch: 1, seq: 1, node: 'n1', time: now };
    this.#published = applyPublished(published, eventsFromChanges(selection.due, origin).events);
    this.#state = selection.state;
    this.nextDueAt = selection.nextDueAt;
    this.log.push(...selection.due.map((change) => ({ at: now, change })));
    return selection.due.map((change) => change.kind);
  }

  /** When position updates were published, of one slot or of all. */
  updates(slot?: string): number[] {
    return this.log
      .filter(({ change }) => change.kind === 'update' && (slot === undefined || change.state.name === slot))
      .map(({ at }) => at);
  }

  confirmed(slot: string): bigint | undefined {
    return this.#published.get(parseSlotName(slot))?.state.confirmedFlushLsn;
  }
}

function at(name: string, position: number): LogicalSlotState {
  return logicalSlot(name, { confirmedFlushLsn: lsn(BigInt(position)) });
}

function needing(restart: number, confirmed: number): SlotState {
  return logicalSlot('a', { restartLsn: lsn(BigInt(restart)), confirmedFlushLsn: lsn(BigInt(confirmed)) });
}

/** The largest number of times in any window that begins at one of them. */
function most(times: readonly number[], windowMs: number): number {
  let first = 0;
  let most = 0;
  for (const [index, time] of times.entries()) {
    while (time - (times[first] ?? time) >= windowMs) {
      first++;
    }
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** Slots that all move before every poll, polled every 20 ms. */
function busy(publisher: Publisher, slots: number, durationMs: number): void {
  for (let now = 1000; now < 1000 + durationMs; now += 20) {
    publisher.poll(
      now,
      Array.from({ length: slots }, (_, index) => at(`s${index}`, now)),
    );
  }
}

describe('the throttle of one slot', { timeout: 60_000 }, () => {
  test('a change after a pause is published at once', () => {
    const publisher = new Publisher();
    publisher.poll(0, [at('a', 1)]);
    assert.deepEqual(publisher.poll(5000, [at('a', 2)]), ['update']);
    assert.deepEqual(publisher.poll(10_000, [at('a', 3)]), ['update']);
  });

  test('a slot that moves all the time is published once per gap, after at most two at once', () => {
    const publisher = new Publisher();
    busy(publisher, 1, 2000);
    assert.deepEqual(publisher.updates().slice(0, 6), [1020, 1040, 1120, 1220, 1320, 1420]);
  });

  test('the last state follows within a gap of the last change', () => {
    const publisher = new Publisher();
    for (const [index, now] of [0, 1000, 1020, 1040, 1060].entries()) {
      publisher.poll(now, [at('a', index + 1)]);
    }
    assert.equal(publisher.confirmed('a'), 3n);
    assert.equal(publisher.nextDueAt, 1100);
    assert.deepEqual(publisher.poll(1099, [at('a', 5)]), []);
    assert.deepEqual(publisher.poll(1100, [at('a', 5)]), ['update']);
    assert.equal(publisher.nextDueAt, undefined);
  });

  test('a slot that moves ten times a second is never held back by the jitter of polling', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 45 }), { minLength: 50, maxLength: 50 }), (jitter) => {
        const publisher = new Publisher();
        publisher.poll(0, [at('a', 1)]);
        for (const [index, late] of jitter.entries()) {
          assert.deepEqual(publisher.poll(1000 + index * 100 + late, [at('a', index + 2)]), ['update']);
        }
      }),
    );
  });

  test('restart_lsn alone is published once a second, and holds up no move', () => {
    const publisher = new Publisher();
    for (let now = 0; now < 4000; now += 20) {
      publisher.poll(now, [needing(now + 1, 100_000)]);
    }
    assert.ok(most(publisher.updates().slice(2), UPKEEP_GAP_MS) === 1);
    // As often as a slot may move, and its restart_lsn each time in between.
    for (let now = 4000; now < 8000; now += 100) {
      assert.deepEqual(publisher.poll(now, [needing(now, 100_000 + now)]), ['update'], `at ${now}`);
      publisher.poll(now + 50, [needing(now + 50, 100_000 + now)]);
    }
  });

  test('a physical slot is published once a second', () => {
    const publisher = new Publisher();
    for (let now = 0; now <= 10_000; now += 50) {
      publisher.poll(now, [physicalSlot('a', { restartLsn: lsn(BigInt(now + 1)) })]);
    }
    assert.equal(publisher.updates().length, 11);
    assert.ok(most(publisher.updates().slice(2), UPKEEP_GAP_MS) === 1);
  });

  test('a physical slot is published as often as a logical one while its report is awaited, from at once on', () => {
    const publisher = new Publisher();
    for (let now = 0; now <= 5000; now += 10) {
      publisher.poll(now, [physicalSlot('a', { restartLsn: lsn(BigInt(now + 1)) })]);
    }
    publisher.isReportAwaited = true;
    const held = publisher.updates().length;
    for (let now = 5010; now <= 6000; now += 10) {
      publisher.poll(now, [physicalSlot('a', { restartLsn: lsn(BigInt(now + 1)) })]);
    }
    const soon = publisher.updates().slice(held);
    assert.ok((soon[0] ?? Number.POSITIVE_INFINITY) <= 5110, `first at ${soon[0]}`);
    assert.ok(soon.length >= 9, `${soon.length} in a second`);
  });

  test('a pin that comes or goes is published at once', () => {
    const publisher = new Publisher();
    for (let now = 0; now < 3000; now += 10) {
      publisher.poll(now, [physicalSlot('a', { catalogXmin: undefined, restartLsn: lsn(BigInt(now + 1)) })]);
    }
    assert.deepEqual(publisher.poll(3001, [physicalSlot('a', { catalogXmin: 700 })]), ['update']);
    assert.deepEqual(publisher.poll(3002, [physicalSlot('a', { catalogXmin: undefined })]), ['update']);
  });

  test('what the throttle remembers of a slot is forgotten when it is remade', () => {
    const publisher = new Publisher();
    busy(publisher, 1, 100);
    assert.equal(publisher.poll(1101, [at('s0', 1101)]).length, 0);
    assert.deepEqual(publisher.poll(1102, []), ['drop']);
    assert.deepEqual(publisher.poll(1103, [at('s0', 10)]), ['create']);
    assert.deepEqual(publisher.poll(1104, [at('s0', 11)]), ['update']);
  });

  test('invalidation and another failover flag are published at once', () => {
    const publisher = new Publisher();
    busy(publisher, 1, 100);
    const moving = at('s0', 5000);
    assert.deepEqual(publisher.poll(1101, [moving]), []);
    assert.deepEqual(publisher.poll(1102, [{ ...moving, failover: true }]), ['update']);
    assert.deepEqual(publisher.poll(1103, [{ ...moving, failover: true, walStatus: 'lost' }]), ['update']);
  });
});

describe('the throttle of all slots', { timeout: 60_000 }, () => {
  test('many busy slots together stay under the limit, and each gets its share', () => {
    const publisher = new Publisher(100);
    busy(publisher, 40, 10_000);
    const updates = publisher.updates();
    assert.ok(updates.length <= 100 * 10 + 20, `${updates.length} updates in 10 s`);
    assert.ok(updates.length >= 100 * 9, `only ${updates.length} updates in 10 s`);
    assert.ok(most(updates, 1000) <= 120);
    for (let index = 0; index < 40; index++) {
      const own = publisher.updates(`s${index}`);
      assert.ok(own.length >= 20 && own.length <= 30, `s${index} got ${own.length} of ${updates.length}`);
    }
  });

  test('a slot that seldom moves goes ahead of the busy ones', () => {
    const publisher = new Publisher(100);
    const waits: number[] = [];
    let moved: number | undefined;
    for (let now = 1000; now < 12_000; now += 20) {
      const second = Math.floor(now / 1000);
      moved = now % 1000 === 0 ? now : moved;
      const crowd = Array.from({ length: 40 }, (_, index) => at(`s${index}`, now));
      publisher.poll(now, [...crowd, at('zz_rare', second)]);
      if (moved !== undefined && publisher.confirmed('zz_rare') === BigInt(second)) {
        waits.push(now - moved);
        moved = undefined;
      }
    }
    assert.ok(waits.length >= 10);
    assert.ok(Math.max(...waits) <= 40, `waits: ${waits.join(', ')}`);
  });

  test('creates are never held back, and hold up updates by about a second at most', () => {
    const publisher = new Publisher(100);
    publisher.poll(0, [at('a', 1)]);
    const crowd = Array.from({ length: 2000 }, (_, index) => at(`s${index}`, 1));
    assert.equal(publisher.poll(5000, [at('a', 1), ...crowd]).length, 2000);
    assert.deepEqual(publisher.poll(5020, [at('a', 2), ...crowd]), []);
    assert.ok(publisher.nextDueAt !== undefined && publisher.nextDueAt <= 6020, `${publisher.nextDueAt}`);
    assert.deepEqual(publisher.poll(publisher.nextDueAt, [at('a', 2), ...crowd]), ['update']);
  });

  test('the limit of one event a second is kept', () => {
    const publisher = new Publisher(1);
    busy(publisher, 5, 20_000);
    assert.ok(most(publisher.updates(), 1000) <= 1);
    assert.ok(publisher.updates().length >= 19);
  });
});

/** What happens at one moment: time since the last one, and the slots that moved, came or went. */
const anyMoment = fc.record({
  step: fc.integer({ min: 1, max: 120 }),
  moves: fc.uniqueArray(fc.integer({ min: 0, max: 5 })),
  toggles: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 1 }),
});

/** Polls at every moment and whenever the throttle asks for it; then until it asks no more. */
function run(moments: readonly { step: number; moves: number[]; toggles: number[] }[], publisher: Publisher) {
  const slots = new Map<number, number>();
  const observe = () => [...slots].map(([index, position]) => at(`s${index}`, position));
  let now = 0;
  let polls = 0;
  const pollUntil = (end: number): void => {
    while (publisher.nextDueAt !== undefined && publisher.nextDueAt <= end) {
      assert.ok(publisher.nextDueAt > now, 'the throttle asks for a poll that is not in the future');
      now = publisher.nextDueAt;
      publisher.poll(now, observe());
      polls++;
    }
  };
  let position = 1;
  for (const { step, moves, toggles } of moments) {
    const next = now + step;
    pollUntil(next - 1);
    now = Math.max(now, next);
    for (const index of toggles) {
      if (!slots.delete(index)) {
        slots.set(index, position++);
      }
    }
    for (const index of moves.filter((index) => slots.has(index))) {
      slots.set(index, position++);
    }
    const kinds = publisher.poll(now, observe());
    assert.ok(toggles.length === 0 || kinds.includes('create') || kinds.includes('drop'));
  }
  const last = now;
  pollUntil(Number.MAX_SAFE_INTEGER);
  return { slots, last, finished: now, polls };
}

describe('the throttle, whatever the slots do', { timeout: 120_000 }, () => {
  test('the last state is out within a gap of the last change', () => {
    fc.assert(
      fc.property(fc.array(anyMoment, { maxLength: 80 }), (moments) => {
        const publisher = new Publisher();
        const { slots, last, finished } = run(moments, publisher);
        assert.ok(finished - last <= MOVE_GAP_MS);
        for (const [index, position] of slots) {
          assert.equal(publisher.confirmed(`s${index}`), BigInt(position));
        }
      }),
    );
  });

  test('no slot has more updates than two, and one per gap', () => {
    fc.assert(
      fc.property(fc.array(anyMoment, { maxLength: 80 }), (moments) => {
        const stable = moments.map((moment) => ({ ...moment, toggles: [] }));
        const first = { step: 1, moves: [], toggles: [0, 1, 2, 3, 4, 5] };
        const publisher = new Publisher();
        run([first, ...stable], publisher);
        for (let index = 0; index < 6; index++) {
          const updates = publisher.updates(`s${index}`);
          for (const gaps of [1, 2, 5, 10, 20]) {
            assert.ok(most(updates, gaps * MOVE_GAP_MS) <= 1 + gaps);
          }
        }
      }),
    );
  });

  test('the limit of all slots holds in every second, and everything comes out in the end', () => {
    const limit = fc.integer({ min: 5, max: 50 });
    fc.assert(
      fc.property(fc.array(anyMoment, { maxLength: 80 }), limit, (moments, maxEventsPerSecond) => {
        const publisher = new Publisher(maxEventsPerSecond);
        const { slots } = run(moments, publisher);
        assert.ok(most(publisher.updates(), 1000) <= maxEventsPerSecond * 1.2 + 1);
        for (const [index, position] of slots) {
          assert.equal(publisher.confirmed(`s${index}`), BigInt(position));
        }
      }),
    );
  });
});
