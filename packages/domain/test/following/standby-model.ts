import assert from 'node:assert/strict';
import {
  emptyBacklog,
  ingest,
  isLeadingSlot,
  type LocalLogicalSlot,
  type Lsn,
  lsn,
  maxLsn,
  minLsn,
  noteUnproven,
  type Ownership,
  type Plan,
  type SettledBacklog,
  type SlotAction,
  type SlotDatabase,
  type SlotName,
  settle,
  UNPROVEN_MAX_MS,
  type UnprovenSlot,
} from '@slotcast/domain';
import { firstTimeline } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';
import { pin } from './plan-situations.ts';
import type { PrimaryModel } from './primary-model.ts';
import { RemakingModel } from './remaking-model.ts';
import { RememberingPlanner } from './remembering-planner.ts';
import {
  ADVANCE_STEP_BYTES,
  advanced,
  assertReadyIsSafe,
  type Creation,
  heldBy,
  madeSlot,
  makingRow,
  outlineOf,
  policyOf,
  rememberedOwnership,
  restoredSlot,
  SavedPositions,
  type StandbySettings,
  twoPhased,
} from './standby-parts.ts';
import { TemporaryModel } from './temporary-model.ts';

/**
 * A standby that carries out plans as a consumer would, and checks each step against the rules that keep data safe. Slots, ownership and the
 * replay position outlive a crash of the consumer; temporary slots, creations under way, holds and timers do not.
 */
export class StandbyModel {
  replayLsn: Lsn;
  readonly slots = new Map<SlotName, LocalLogicalSlot>();
  readonly foreign = new Set<SlotName>();
  /** Copies that somebody moved or made by hand. */
  readonly strayed = new Set<SlotName>();
  readonly ownership = new Map<SlotName, Ownership>();
  readonly settings: StandbySettings = {
    maxReplicationSlots: 100,
    syncReplicationSlots: false,
    showsCreations: false,
    decodes: false,
    unwanted: new Set(),
  };
  readonly remaking = new RemakingModel({
    slots: this.slots,
    ownership: this.ownership,
    plan: () => this.plan(),
    fits: () => this.#used() + 1 < this.settings.maxReplicationSlots,
  });
  readonly #primary: PrimaryModel;
  readonly #saved = new SavedPositions();
  #now = 0;
  #backlog = emptyBacklog;
  #lastOffset = -1;
  readonly #temporary = new TemporaryModel(this);
  #creations = new Map<SlotName, Creation>();
  #unproven: ReadonlyMap<SlotName, UnprovenSlot> = new Map();
  /** Positions at which two_phase slots stood in vain; another try makes sense once the consumer has moved that far. */
  #failedAt = new Map<SlotName, Lsn>();
  #desired: SettledBacklog['desired'] = new Map();
  readonly #planner = new RememberingPlanner();

  constructor(primary: PrimaryModel) {
    this.#primary = primary;
    this.replayLsn = primary.flushLsn;
  }

  replay(bytes: number): void {
    this.replayLsn = minLsn(lsn(this.replayLsn + BigInt(bytes)), this.#primary.flushLsn);
  }

  replayAll(): void {
    this.replayLsn = this.#primary.flushLsn;
  }

  /** Somebody makes a slot by hand, where there is none and the server takes one more. */
  addForeign(name: SlotName): void {
    const fits = this.#used() < this.settings.maxReplicationSlots;
    if (fits && !this.slots.has(name) && !this.ownership.has(name)) {
      this.foreign.add(name);
      this.slots.set(name, {
        ...logicalSlot(name, { confirmedFlushLsn: this.replayLsn, active: false }),
        temporary: false,
      });
    }
  }

  removeForeign(name: SlotName): void {
    if (this.foreign.delete(name)) {
      this.slots.delete(name);
    }
  }

  /** The server invalidates a slot that slotcast made. */
  invalidate(name: SlotName): void {
    const slot = this.slots.get(name);
    if (slot !== undefined && !this.foreign.has(name)) {
      this.slots.set(name, { ...slot, walStatus: 'lost', invalidationReason: 'rows_removed' });
    }
  }

  /** Somebody reads from a copy, and so moves it. */
  moveByHand(name: SlotName): void {
    const slot = this.slots.get(name);
    if (slot?.confirmedFlushLsn !== undefined && !this.foreign.has(name)) {
      this.strayed.add(name);
      this.slots.set(name, { ...slot, confirmedFlushLsn: maxLsn(slot.confirmedFlushLsn, this.replayLsn) });
    }
  }

  /** Somebody drops a copy and makes a slot of its name, while the consumer is down. */
  makeByHand(name: SlotName): void {
    this.crash();
    this.moveByHand(name);
  }

  /** The consumer writes its records, with what has to outlive the events. */
  writeRecords(): void {
    for (const [name, ownership] of rememberedOwnership(this, this.desired())) {
      this.ownership.set(name, ownership);
    }
  }

  save(): void {
    this.#saved.save(this.slots);
  }

  /** With `server` it goes down, too, and its slots stand where they were saved last. */
  crash({ server = false } = {}): void {
    this.remaking.crash({ server });
    if (server) {
      this.#saved.restore(this.slots);
    }
    this.#temporary.clear();
    this.#creations.clear();
    this.#unproven = new Map();
    this.#failedAt.clear();
    this.#backlog = emptyBacklog;
    this.#lastOffset = -1;
  }

  /** Takes up to `budget` steps, and says whether there was nothing left to do before they were used up. */
  run(budget: number): boolean {
    let left = budget;
    for (let idle = 0; idle < 2; ) {
      const planned = this.plan();
      assertReadyIsSafe(this, planned, this.#primary);
      const steps = this.#stepsOf(planned);
      idle = steps.length === 0 ? idle + 1 : 0;
      for (const step of steps) {
        if (left === 0) {
          return false;
        }
        left -= 1;
        step();
        this.#check();
      }
      this.#now += idle > 0 ? UNPROVEN_MAX_MS : 1000;
    }
    return true;
  }

  /** Runs until nothing is left to do, which has to take a bounded number of steps. */
  settle(): void {
    const bytes = this.#primary.flushLsn / ADVANCE_STEP_BYTES;
    const names = new Set([...this.#primary.slots.keys(), ...this.ownership.keys(), ...this.slots.keys()]);
    const bound = (20 + Number(bytes)) * (names.size + 3);
    assert.ok(this.run(bound), `not done after ${bound} steps: ${JSON.stringify(outlineOf(this))}`);
  }

  desired(): SettledBacklog {
    const fresh = this.#primary.topic.filter(({ offset }) => offset > this.#lastOffset);
    this.#lastOffset = fresh.at(-1)?.offset ?? this.#lastOffset;
    const records = fresh.map(({ record }) => record);
    const read = ingest(this.#backlog, records);
    const settled = settle(read, { history: firstTimeline, replayLsn: this.replayLsn });
    this.#backlog = settled.backlog;
    return settled;
  }

  /** Nothing, as long as replay has not reached a manifest. */
  plan(): Plan | undefined {
    this.#finishCreations();
    const { desired, furthest, manifest, waiting } = this.desired();
    this.#desired = desired;
    if (manifest === undefined) {
      return undefined;
    }
    const local = this.#rows();
    const prepared = { flushLsn: this.#primary.flushLsn, transactions: [] };
    const seen = { local, ownership: this.ownership, prepared, now: this.#now };
    this.#unproven = noteUnproven(this.#unproven, seen);
    return this.#planner.plan({
      desired,
      furthest,
      manifest,
      waiting,
      replayLsn: this.replayLsn,
      endOfWal: this.replayLsn,
      limits: {},
      local,
      ownership: this.ownership,
      probes: this.#temporary.probes,
      unloadable: new Map(),
      remaking: this.remaking.work,
      held: heldBy(this.remaking, this.#creations.keys()),
      unproven: this.#unproven,
      prepared,
      rhythms: new Map(),
      pin,
      making: this.#temporary.making,
      anchored: this.#temporary.anchored,
      maxReplicationSlots: this.settings.maxReplicationSlots,
      syncReplicationSlots: this.settings.syncReplicationSlots,
      heartbeatAgeMs: 0,
      policy: policyOf(this.#planner.allBut(this.settings.unwanted)),
      now: this.#now,
    });
  }

  /** The consistent point of a database's temporary slot, as far as it has one. */
  probePoint(database: SlotDatabase): Lsn | undefined {
    return this.#temporary.pointOf(database);
  }

  hasProbes(): boolean {
    return this.#temporary.isProbed;
  }

  #stepsOf(planned: Plan | undefined): (() => void)[] {
    if (planned === undefined) {
      return [];
    }
    const actions = planned.verdicts
      .map((entry) => entry.action)
      .filter((action) => action !== undefined)
      .filter((action) => action.kind !== 'create_two_phase' || !this.#triedInVain(action.slot));
    return [
      ...actions.map((action) => () => this.#act(action)),
      ...planned.idleLeaders.map((name) => () => void this.slots.delete(name)),
      ...planned.idleProbes.map((database) => () => this.#temporary.dropProbe(database)),
      ...(planned.idleAnchor ? [() => this.#temporary.dropAnchor()] : []),
    ];
  }

  #act(action: SlotAction): void {
    const makes = ['anchor', 'probe', 'copy', 'create_two_phase', 'restore'].includes(action.kind);
    if (makes && this.#used() >= this.settings.maxReplicationSlots) {
      const unseen = this.settings.showsCreations ? 0 : this.#creations.size;
      assert.ok(unseen > 0, `${action.kind} of ${action.slot} on a server that is full`);
      return;
    }
    switch (action.kind) {
      case 'own':
        this.ownership.set(action.slot, action.ownership);
        break;
      case 'release':
        assert.ok(
          !this.slots.has(action.slot) && !this.#creations.has(action.slot),
          'gave up a slot that is here',
        );
        this.ownership.delete(action.slot);
        break;
      case 'anchor':
      case 'probe':
        this.#temporary.make(action, this.#primary.flushLsn);
        break;
      case 'copy': {
        const from = this.#temporary.pointOf(action.database);
        assert.ok(from !== undefined, 'copied a temporary slot that is not consistent');
        this.#make(action.slot, { ...action, consistentPoint: from }, false);
        break;
      }
      case 'restore':
        this.slots.set(action.slot, restoredSlot(action, this.slots));
        break;
      case 'create_two_phase':
        assert.ok(!this.#creations.has(action.slot), 'made a slot twice');
        this.#creations.set(action.slot, { ...action, consistentPoint: this.#primary.flushLsn });
        break;
      case 'enable_two_phase':
        this.#put(twoPhased(this.slots.get(action.slot)));
        break;
      case 'advance':
        this.#advance(action);
        break;
      case 'keep':
      case 'set_aside':
        assert.fail('there is no limit on idle slots, and none is orphaned');
        break;
      case 'create_physical':
      case 'advance_physical':
        assert.fail('the primary has logical slots only');
        break;
      case 'drop':
        this.#drop(action.slot);
        break;
    }
  }

  #make(name: SlotName, creation: Creation, twoPhase: boolean): void {
    assert.ok(!this.slots.has(name), `made ${name} where there was one`);
    assert.ok(this.ownership.has(name), `made ${name} before it was owned`);
    this.#put(madeSlot(name, creation, twoPhase));
    this.strayed.delete(name);
  }

  /** As the server saves it. */
  #put(slot: LocalLogicalSlot): void {
    assert.ok(!this.foreign.has(slot.name));
    this.slots.set(slot.name, slot);
    this.#saved.save(new Map([[slot.name, slot]]));
  }

  #advance(action: Extract<SlotAction, { kind: 'advance' }>): void {
    const slot = this.slots.get(action.slot);
    assert.ok(slot !== undefined && !this.foreign.has(action.slot));
    this.slots.set(action.slot, advanced(action, slot, this));
  }

  #drop(name: SlotName): void {
    assert.ok(this.ownership.has(name) && !this.foreign.has(name), `dropped ${name}, which is not its own`);
    const { confirmedFlushLsn } = this.slots.get(name) ?? {};
    assert.ok(confirmedFlushLsn !== undefined, `dropped ${name}, which is not there`);
    if (this.ownership.get(name)?.proven === false) {
      this.#failedAt.set(name, confirmedFlushLsn);
    }
    this.slots.delete(name);
  }

  /** Creations end as replay reaches their consistent point. */
  #finishCreations(): void {
    for (const [name, creation] of this.#creations) {
      if (creation.consistentPoint <= this.replayLsn) {
        this.#creations.delete(name);
        this.#make(name, creation, true);
        this.#check();
      }
    }
  }

  #isUnproven(name: SlotName): boolean {
    return this.slots.has(name) && this.ownership.get(name)?.proven === false;
  }

  #triedInVain(name: SlotName): boolean {
    const failed = this.#failedAt.get(name);
    return failed !== undefined && (this.#desired.get(name)?.state?.confirmedFlushLsn ?? 0n) < failed;
  }

  #rows(): LocalLogicalSlot[] {
    const creations = [...this.#creations].map(([name, creation]) => makingRow(name, creation));
    return [
      ...this.slots.values(),
      ...this.#temporary.rows,
      ...(this.settings.showsCreations ? creations : []),
    ];
  }

  /** What has to be true after every single step. */
  #check(): void {
    for (const [name, { confirmedFlushLsn }] of this.slots) {
      if (!this.foreign.has(name) && !isLeadingSlot(name)) {
        assert.ok(
          confirmedFlushLsn !== undefined && confirmedFlushLsn <= this.replayLsn,
          `${name} is past replay`,
        );
        assert.ok(this.ownership.has(name), `${name} has no owner`);
        const seen = this.#primary.furthestSeen(name, this.replayLsn) ?? 0n;
        const isKnown = this.#isUnproven(name) || this.strayed.has(name);
        assert.ok(confirmedFlushLsn <= seen || isKnown, `${name} is ahead of its subscriber`);
      }
    }
    assert.ok(this.#used() <= this.settings.maxReplicationSlots, 'more slots than the server takes');
  }

  #used(): number {
    return this.slots.size + this.#temporary.size + this.#creations.size;
  }
}
