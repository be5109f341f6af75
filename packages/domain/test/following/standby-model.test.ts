import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  databaseOf,
  isInvalidated,
  isLeadingSlot,
  isLogical,
  type LogicalSlotState,
  parseSlotName,
  type SlotEvent,
  type SlotName,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { HR, PrimaryModel, SHOP } from './primary-model.ts';
import { StandbyModel } from './standby-model.ts';
import { outlineOf } from './standby-parts.ts';

const names = ['a', 'b', 'c', 'd'].map(parseSlotName);
const anyName = fc.constantFrom(...names);
const anyBytes = fc.integer({ min: 0, max: 20_000 });
const anyTraits = fc.record({
  databaseOid: fc.constantFrom(SHOP, SHOP, HR),
  twoPhase: fc.boolean(),
  failover: fc.constantFrom(false, false, true),
});

interface World {
  readonly primary: PrimaryModel;
  readonly standby: StandbyModel;
}

/** Prints itself in a counterexample. */
interface Happening {
  readonly happen: (world: World) => void;
  toString(): string;
}

function happening(text: string, happen: (world: World) => void): Happening {
  return { happen, toString: () => text };
}

function onSlot(text: string, happen: (world: World, name: SlotName) => void): fc.Arbitrary<Happening> {
  return anyName.map((name) => happening(`${text} ${name}`, (world) => happen(world, name)));
}

/** What goes on around the consumer of a standby. */
const anyOutside: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(anyName, anyTraits)
      .map(([name, traits]) =>
        happening(`create ${name} ${JSON.stringify(traits)}`, ({ primary }) => primary.create(name, traits)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyName, anyTraits)
      .map(([name, traits]) =>
        happening(`remake ${name} ${JSON.stringify(traits)}`, ({ primary }) => primary.remake(name, traits)),
      ),
  },
  { weight: 8, arbitrary: onSlot('consume', ({ primary }, name) => primary.consume(name)) },
  { weight: 2, arbitrary: onSlot('drop', ({ primary }, name) => primary.drop(name)) },
  { weight: 1, arbitrary: onSlot('invalidate', ({ primary }, name) => primary.invalidate(name)) },
  {
    weight: 6,
    arbitrary: anyBytes.map((bytes) => happening(`write ${bytes}`, ({ primary }) => primary.write(bytes))),
  },
  {
    weight: 6,
    arbitrary: anyBytes.map((bytes) => happening(`replay ${bytes}`, ({ standby }) => standby.replay(bytes))),
  },
  { weight: 4, arbitrary: fc.constant(happening('replay all', ({ standby }) => standby.replayAll())) },
  {
    weight: 1,
    arbitrary: fc.constant(happening('databases swap names', ({ primary }) => primary.swapNames())),
  },
  { weight: 1, arbitrary: fc.constant(happening('primary restarts', ({ primary }) => primary.restart())) },
  {
    weight: 1,
    arbitrary: fc.constant(
      happening('topic is recreated', ({ primary, standby }) => {
        primary.recreateTopic();
        standby.crash();
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constant(
      happening('compaction', ({ primary, standby }) => primary.compact(standby.replayLsn)),
    ),
  },
  { weight: 1, arbitrary: fc.constant(happening('slots are saved', ({ standby }) => standby.save())) },
  { weight: 1, arbitrary: onSlot('foreign', ({ standby }, name) => standby.addForeign(name)) },
  { weight: 1, arbitrary: onSlot('foreign goes', ({ standby }, name) => standby.removeForeign(name)) },
  { weight: 1, arbitrary: onSlot('moved by hand', ({ standby }, name) => standby.moveByHand(name)) },
  { weight: 1, arbitrary: onSlot('made by hand', ({ standby }, name) => standby.makeByHand(name)) },
  {
    weight: 3,
    arbitrary: fc.constant(happening('records', ({ standby }) => standby.writeRecords())),
  },
  { weight: 1, arbitrary: onSlot('invalidate here', ({ standby }, name) => standby.invalidate(name)) },
  {
    weight: 1,
    arbitrary: onSlot('filter', ({ standby: { settings } }, name) => {
      if (!settings.unwanted.delete(name)) {
        settings.unwanted.add(name);
      }
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('syncReplicationSlots' as const, 'showsCreations' as const, 'decodes' as const)
      .map((setting) =>
        happening(setting, ({ standby: { settings } }) => {
          settings[setting] = !settings[setting];
        }),
      ),
  },
);

const anyRemaking: fc.Arbitrary<Happening> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(SHOP, SHOP, HR))
  .map(([steps, oid]) =>
    happening(`remakes ${steps} steps in ${oid}`, ({ standby }) => standby.remaking.run(steps, oid)),
  );

/** The consumer works for a while; `crash` ends it after any step. */
const anyWork: fc.Arbitrary<Happening> = fc.oneof(
  fc.constant(happening('rest', ({ standby }) => standby.settle())),
  fc.constant(happening('all consumers move', moveAll)),
  fc
    .integer({ min: 1, max: 12 })
    .map((steps) => happening(`${steps} steps`, ({ standby }) => void standby.run(steps))),
  fc.integer({ min: 0, max: 12 }).map((steps) =>
    happening(`${steps} steps, crash`, ({ standby }) => {
      standby.run(steps);
      standby.crash();
    }),
  ),
  anyRemaking,
  anyRemaking,
  fc.constant(happening('server crash', ({ standby }) => standby.crash({ server: true }))),
);

/** Long enough for slots to come, move and go; a failure is shrunk to what it takes. */
const anyStory = fc.array(fc.oneof({ weight: 2, arbitrary: anyOutside }, { weight: 1, arbitrary: anyWork }), {
  maxLength: 60,
  size: 'max',
});

function told(story: readonly Happening[], maxReplicationSlots = 100): World {
  const primary = new PrimaryModel();
  const world = { primary, standby: new StandbyModel(primary) };
  world.standby.settings.maxReplicationSlots = maxReplicationSlots;
  for (const { happen } of story) {
    happen(world);
  }
  world.standby.remaking.finish();
  return world;
}

/** The slots that this standby ought to hold at its own point in WAL, if it can. */
function expected({ standby }: World): (SlotEvent & { readonly state: LogicalSlotState })[] {
  const { desired, manifest } = standby.desired();
  const listed = new Set(manifest?.slots.map((slot) => slot.name));
  const { settings, foreign } = standby;
  return [...desired.values()].flatMap((event) => {
    const { slot, op, state } = event;
    if (op === 'drop' || !isLogical(state) || isInvalidated(state)) {
      return [];
    }
    const isWanted = listed.has(slot) && !settings.unwanted.has(slot) && !foreign.has(slot);
    return isWanted && !(state.failover && settings.syncReplicationSlots) ? [{ ...event, state }] : [];
  });
}

function own({ standby }: World): SlotName[] {
  return [...standby.slots.keys()].filter((name) => !standby.foreign.has(name) && !isLeadingSlot(name));
}

/** Every slot that may exist stands where the newest applicable event has it, and no other does. */
function assertFollows(world: World): void {
  const { standby } = world;
  const wanted = expected(world);
  const wantedNames = new Set(wanted.map((event) => event.slot));
  for (const name of own(world)) {
    assert.ok(wantedNames.has(name), `${name} should not be here`);
  }
  for (const { slot, state, incarnation } of wanted) {
    const confirmed = state.confirmedFlushLsn ?? 0n;
    const here = standby.slots.get(slot);
    if (here === undefined) {
      const point = standby.probePoint(databaseOf(state));
      const waits = point === undefined || confirmed < point || state.twoPhase;
      assert.ok(waits, `${slot} is not here: ${outlineOf(standby).join('; ')}`);
    } else if (state.twoPhase && !here.twoPhase) {
      // A crash of the primary took its subscriber back to before its start.
      assert.ok((here.confirmedFlushLsn ?? 0n) > confirmed, `${slot} is not two_phase`);
    } else {
      assert.ok((here.confirmedFlushLsn ?? 0n) >= confirmed, `${slot} is behind`);
      assert.deepEqual(standby.ownership.get(slot)?.incarnation, incarnation);
      assert.equal(standby.ownership.get(slot)?.proven, true);
    }
  }
}

/** All consumers confirm what there is, and the standby gets that far. */
function moveAll({ primary, standby }: World): void {
  for (const name of names) {
    primary.consume(name);
  }
  standby.replayAll();
}

/** Lets every subscriber on the primary move until each slot was passed, and the standby follow. */
function moveOn(world: World): void {
  const { primary, standby } = world;
  for (let round = 0; round < 3; round += 1) {
    primary.write(1000);
    standby.replayAll();
    standby.settle();
    moveAll(world);
    standby.settle();
  }
}

describe('a standby that carries out its plans', { timeout: 120_000 }, () => {
  test('comes to rest at its own point in WAL after any history and any crash, with no slot out of place', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const world = told(story);
        world.standby.settle();
        if (world.standby.desired().manifest !== undefined) {
          assertFollows(world);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('always ends with exactly the newest applicable events, once the consumers have moved on', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const world = told(story);
        const { standby } = world;
        moveOn(world);
        const wanted = expected(world);
        assert.deepEqual(own(world).toSorted(byText), wanted.map((event) => event.slot).toSorted(byText));
        assert.deepEqual([...standby.ownership.keys()].toSorted(byText), own(world).toSorted(byText));
        for (const { slot, state } of wanted) {
          assert.equal(standby.slots.get(slot)?.confirmedFlushLsn, state.confirmedFlushLsn);
          assert.equal(standby.slots.get(slot)?.twoPhase, state.twoPhase);
        }
        assertFollows(world);
        assert.equal(standby.hasProbes(), false);
        assert.deepEqual([...standby.slots.keys()].filter(isLeadingSlot), []);
        assert.ok([...standby.ownership.values()].every(({ remaking }) => remaking === undefined));
      }),
      { numRuns: 400 },
    );
  });

  test('has every slot again after a crash in any step of making them anew, without anything from their subscribers', () => {
    const anySteps = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(anySteps, anySteps, fc.boolean(), (steps, others, server) => {
        const world = told([]);
        const { primary, standby } = world;
        for (const name of names) {
          primary.create(name, { databaseOid: SHOP });
        }
        moveOn(world);
        // What is written now nobody confirms, so no slot can be made from a new starting point.
        primary.write(1000);
        standby.replayAll();
        standby.remaking.run(steps, SHOP);
        standby.run(others);
        const before = new Map(standby.slots);
        standby.crash({ server });
        standby.settle();
        assertFollows(world);
        assert.deepEqual(own(world).toSorted(byText), names);
        assert.deepEqual([...standby.slots.keys()].filter(isLeadingSlot), [], 'a leading slot is left');
        for (const [name, { confirmedFlushLsn = 0n }] of before) {
          assert.ok((standby.slots.get(name)?.confirmedFlushLsn ?? confirmedFlushLsn) >= confirmedFlushLsn);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('comes to rest without ever having more slots than the server takes, when none is two_phase', () => {
    fc.assert(
      fc.property(anyStory, fc.integer({ min: 0, max: 5 }), (story, capacity) => {
        // With too few slots a two_phase slot and its probe can crowd one another out for ever; the consumer's back-off slows that.
        const world = told(
          story.filter((step) => !step.toString().includes('"twoPhase":true')),
          capacity,
        );
        moveOn(world);
        const { verdicts = [] } = world.standby.plan() ?? {};
        for (const { slot } of expected(world)) {
          const verdict = verdicts.find((entry) => entry.slot === slot);
          assert.ok(
            world.standby.slots.has(slot) || verdict?.state === 'blocked',
            `${slot} is ${verdict?.state}`,
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a copy that stands beyond the newest event', { timeout: 20_000 }, () => {
  const [a] = names;

  /** A ready copy; then the primary comes back after a crash with its own slot behind it, and compaction leaves only that. */
  function afterCrash(recorded: boolean) {
    assert.ok(a !== undefined);
    const world = told([]);
    const { primary, standby } = world;
    primary.create(a, { databaseOid: SHOP });
    moveOn(world);
    if (recorded) {
      standby.writeRecords();
    }
    const before = standby.slots.get(a);
    primary.restart();
    primary.write(1000);
    standby.crash();
    primary.compact(primary.flushLsn);
    standby.replayAll();
    standby.settle();
    return { before, standby, slot: standby.slots.get(a) };
  }

  test('stays ready, and is left alone, when only a crash restart took the slot of the primary back', () => {
    const { before, slot, standby } = afterCrash(true);
    assert.ok(before !== undefined);
    assert.equal(slot, before);
    assert.match(outlineOf(standby)[0] ?? '', /^a: ready/);
  });

  test('is made again when nothing is left that would tell it from one that was moved by hand', () => {
    const { slot } = afterCrash(false);
    assert.equal(slot, undefined);
  });

  for (const deed of ['moveByHand', 'makeByHand'] as const) {
    test(`is never ready, is made again, and is ready then: ${deed}`, () => {
      assert.ok(a !== undefined);
      const world = told([]);
      const { primary, standby } = world;
      primary.create(a, { databaseOid: SHOP });
      moveOn(world);
      primary.write(1000);
      standby.replayAll();
      const confirmed = standby.slots.get(a)?.confirmedFlushLsn;
      standby[deed](a);
      const moved = standby.slots.get(a)?.confirmedFlushLsn;
      assert.notEqual(moved, confirmed);
      assert.match(outlineOf(standby)[0] ?? '', /^a: catching_up drop .*somebody moved it or made it anew/);
      standby.settle();
      assert.equal(standby.slots.get(a), undefined);
      moveOn(world);
      assert.match(outlineOf(standby)[0] ?? '', /^a: ready/);
    });
  }
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
