import {
  byDatabase,
  databaseOf,
  formatLsn,
  isLogical,
  type LocalSlot,
  type NodeSlotStatus,
  type Plan,
  type SlotAction,
  type SlotDatabase,
  type SlotEvent,
  type SlotName,
  type SlotVerdict,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { Clock, Doorbell, Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import {
  advanceSlot,
  copySlot,
  createPhysicalSlot,
  type DatabaseSessions,
  dropPhysicalSlot,
  enableTwoPhase,
} from '@slotcast/postgres';
import type { NodeDirectory } from '@slotcast/topics';
import type { ReachedPosition } from '../moves/decoding-advances.ts';
import { type Mover, runAdvances } from '../moves/mover.ts';
import type { SlotFailures } from '../slot-failures.ts';
import type { StandbyView } from '../standby-server.ts';
import { Copies } from './copies.ts';
import type { Creations } from './creations.ts';
import { SessionGate } from './session-gate.ts';

export interface ActionRunnerOptions {
  readonly node: string;
  readonly directory: NodeDirectory;
  readonly writer: LogWriter;
  readonly sessions: DatabaseSessions;
  readonly creations: Creations;
  readonly mover: Mover;
  readonly failures: SlotFailures;
  readonly doorbell: Doorbell;
  readonly clock: Clock;
  readonly metrics: ConsumerMetrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface RunOutcome {
  /** A slot or its ownership changed: a new plan may go on at once. */
  readonly stepped: boolean;
  /** Some slots have not reached their goal: they take decoding, or wait until they may be moved again. */
  readonly advancesLeft: boolean;
  /** Where slots arrived since the last round. */
  readonly advanced: readonly ReachedPosition[];
}

/** What is done for all slots of a round at once. */
const handledTogether: ReadonlySet<SlotAction['kind']> = new Set([
  'own',
  'release',
  'advance',
  'keep',
  'copy',
]);
/** Time that the steps of one round may take before moves have their turn again. */
const STEPS_MS = 200;
/** Slots that are made under their real name at the same time; each takes a session. */
const MOST_DIRECT = 8;
/** A slot becomes two_phase within milliseconds; a server that needs so long does not answer. */
const ENABLE_TIMEOUT_MS = 10_000;

type Of<Kind extends SlotAction['kind']> = Extract<SlotAction, { kind: Kind }>;

/** A slot was dropped because it could not be used safely; it is tried again later. */
class UnsafeSlotDropped extends Error {
  override readonly name = 'UnsafeSlotDropped';
}

/** Carries out the steps of a plan. Ownership is committed before the slots of this round are touched. */
export class ActionRunner {
  readonly #options: ActionRunnerOptions;
  readonly #copies: Copies;
  readonly #gate: SessionGate;

  constructor(options: ActionRunnerOptions) {
    const { failures, metrics, mover } = options;
    this.#options = options;
    this.#gate = new SessionGate(options);
    this.#copies = new Copies({
      ...options,
      onMade: (slot) => {
        mover.forget(slot);
        failures.succeeded(slot);
        this.#count('copy', 1);
      },
      onFailure: (slot, error) => {
        metrics.actionsTotal.inc({ kind: 'copy', outcome: 'failed' });
        failures.failed(slot, 'making the slot', error);
      },
    });
  }

  /**
   * Carries out what can be done now. `desired` tells when the positions that are reached here were published; with `urgent` the pace and the
   * budget of advances do not count.
   */
  async run(
    plan: Plan,
    view: StandbyView,
    desired: ReadonlyMap<SlotName, SlotEvent>,
    { urgent }: { readonly urgent: boolean },
  ): Promise<RunOutcome> {
    const { mover } = this.#options;
    // First, as each of the other steps may take a while.
    const { advanced, advancesLeft } = await runAdvances(mover, plan, { upTo: view.replayLsn, urgent });
    advanced
      .filter(({ action, position }) => action.kind === 'advance' && position >= action.goal)
      .forEach(({ action }) => this.#observeDelay(desired.get(action.slot)));
    const free = plan.verdicts.filter(
      ({ slot, action }) => action !== undefined && !mover.underWay.has(slot),
    );
    const recorded = await this.#recordOwnership(free);
    const drops = plan.idleLeaders.length > 0 || free.some(({ action }) => action?.kind === 'drop');
    if (drops && recorded === 0) {
      await this.#proveClaim();
    }
    const { creations } = this.#options;
    plan.idleProbes.forEach((key) => creations.dropProbe(key));
    if (plan.idleAnchor) {
      creations.dropAnchor();
    }
    if (free.length + plan.idleLeaders.length === 0) {
      return { stepped: false, advancesLeft, advanced };
    }
    const here = new Map(view.slots.map((slot) => [slot.name, slot]));
    for (const leader of plan.idleLeaders) {
      const work = (): Promise<void> => this.#options.sessions.drop(leader, here.get(leader));
      await this.#try(leader, 'drop', 'dropping the leading slot', work);
    }
    const planned = free.flatMap(({ action }) => (action === undefined ? [] : [action]));
    const steps = await this.#admitted(planned, view);
    const started = this.#options.clock.monotonicMs();
    const hasTime = (): boolean => this.#options.clock.monotonicMs() - started < STEPS_MS;
    let done = recorded;
    let left = 0;
    for (const action of steps.filter(({ kind }) => !handledTogether.has(kind))) {
      if (hasTime()) {
        done += await this.#step(action, here);
      } else {
        left += 1;
      }
    }
    const copies = steps.filter((action) => action.kind === 'copy');
    const copiesLeft = await this.#copies.run(copies, hasTime);
    done += copies.length - copiesLeft;
    return { stepped: done + left + copiesLeft > 0, advancesLeft, advanced };
  }

  /** Without the steps that would have to wait for a session to their database, or that get none. */
  async #admitted(actions: readonly SlotAction[], view: StandbyView): Promise<readonly SlotAction[]> {
    const { failures } = this.#options;
    const places = new Map(view.slots.filter(isLogical).map((slot) => [slot.name, databaseOf(slot)]));
    const inside = actions.flatMap((action) => {
      const database = this.#databaseFor(action, places);
      return database === undefined ? [] : [{ action, database }];
    });
    const kept = await Promise.all(
      byDatabase(inside).map(async ([database, group]) => {
        const admission = await this.#gate.enter(database);
        if (admission.kind === 'refused') {
          group.forEach(({ action }) => failures.failed(action.slot, `a ${action.kind}`, admission.error));
        }
        return admission.kind === 'open' ? [] : group.map(({ action }) => action);
      }),
    );
    const out = new Set(kept.flat());
    return actions.filter((action) => !out.has(action));
  }

  /** Where a session is taken for the step, unless it opens one of its own. */
  #databaseFor(action: SlotAction, places: ReadonlyMap<SlotName, SlotDatabase>): SlotDatabase | undefined {
    if (action.kind === 'drop') {
      return places.get(action.slot);
    }
    if (action.kind === 'copy') {
      return this.#options.creations.probeSlot(action.database)?.database;
    }
    return action.kind === 'restore' || action.kind === 'set_aside' ? action.database : undefined;
  }

  #observeDelay(event: SlotEvent | undefined): void {
    if (event !== undefined) {
      this.#options.metrics.applyDelaySeconds.observe(
        Math.max(0, this.#options.clock.now() - event.time) / 1000,
      );
    }
  }

  async #recordOwnership(verdicts: readonly SlotVerdict[]): Promise<number> {
    const { directory, writer, clock, logger } = this.#options;
    const time = clock.now();
    const slots = verdicts.flatMap((entry) =>
      entry.action?.kind === 'own' ? [this.#ownRecord(entry, entry.action, time)] : [],
    );
    const forget = verdicts.flatMap(({ action }) => (action?.kind === 'release' ? [action.slot] : []));
    if (slots.length + forget.length === 0) {
      return 0;
    }
    await directory.write(writer, { slots, forget, time });
    this.#count('own', slots.length);
    this.#count('release', forget.length);
    logger.info({ owned: slots.map(({ slot }) => slot), released: forget }, 'recorded ownership');
    return slots.length + forget.length;
  }

  /**
   * Rejects with a WriterFencedError when another consumer of this node has taken over. One that was frozen meanwhile knows what it had read before, and would take
   * slots that its successor has moved for strayed ones.
   */
  async #proveClaim(): Promise<void> {
    const { directory, writer, clock } = this.#options;
    if (directory.own !== undefined) {
      await directory.write(writer, { node: directory.own, time: clock.now() });
    }
  }

  #ownRecord(entry: SlotVerdict, action: Of<'own'>, time: number): NodeSlotStatus {
    return {
      kind: 'node_slot',
      node: this.#options.node,
      slot: entry.slot,
      role: 'standby',
      ownership: action.ownership,
      state: entry.state,
      reasons: entry.reasons,
      time,
    };
  }

  async #step(action: SlotAction, here: ReadonlyMap<SlotName, LocalSlot>): Promise<number> {
    const { creations } = this.#options;
    switch (action.kind) {
      case 'own':
      case 'release':
      case 'advance':
      case 'keep':
      case 'copy':
        return 0;
      case 'anchor':
        this.#count('anchor', 1);
        creations.startAnchor({ ...action, taken: new Set(here.keys()) });
        return 0;
      case 'probe':
        this.#count('probe', 1);
        creations.startProbe({ ...action, taken: new Set(here.keys()) });
        return 0;
      case 'create_two_phase':
        if (creations.direct.size < MOST_DIRECT) {
          this.#count('create_two_phase', 1);
          creations.startDirect(action);
        }
        return 0;
      case 'create_physical':
        return this.#try(action.slot, 'create_physical', 'making the physical slot', () =>
          this.#createPhysical(action),
        );
      case 'advance_physical':
        return this.#try(action.slot, 'advance_physical', 'moving the physical slot', () =>
          this.#advancePhysical(action),
        );
      case 'enable_two_phase':
        return this.#try(action.slot, 'enable_two_phase', 'making the slot two_phase', () =>
          this.#enableTwoPhase(action),
        );
      case 'restore':
        return this.#try(action.slot, 'restore', 'making the slot again', () => this.#restore(action));
      case 'set_aside':
        return this.#try(action.slot, 'set_aside', 'keeping a copy of the slot', () =>
          this.#setAside(action),
        );
      case 'drop':
        return this.#try(action.slot, 'drop', 'dropping the slot', () =>
          this.#drop(action, here.get(action.slot)),
        );
    }
  }

  async #enableTwoPhase({ slot, database }: Of<'enable_two_phase'>): Promise<void> {
    const { sessions, signal } = this.#options;
    const limits = { timeoutMs: ENABLE_TIMEOUT_MS, signal };
    await sessions.useWalsender(database, (session) => enableTwoPhase(session, slot, limits));
  }

  async #createPhysical({ slot }: Of<'create_physical'>): Promise<void> {
    const { sessions, signal, logger } = this.#options;
    const restartLsn = formatLsn(await createPhysicalSlot(await sessions.main(), slot, signal));
    logger.info({ slot, restartLsn }, 'made a physical slot');
  }

  async #advancePhysical({ slot, target }: Of<'advance_physical'>): Promise<void> {
    const { sessions, signal } = this.#options;
    await advanceSlot(await sessions.main(), { name: slot, target }, { signal });
  }

  async #restore({ slot, database, plugin, leader }: Of<'restore'>): Promise<void> {
    const { sessions, signal, logger } = this.#options;
    const connection = await sessions.get(database);
    await copySlot(connection, { source: leader, target: slot, plugin }, signal);
    logger.warn({ slot, leader }, 'made a slot again that was missing since it was to be made anew');
  }

  async #setAside({ slot, copy, database, plugin }: Of<'set_aside'>): Promise<void> {
    const { sessions, signal, logger } = this.#options;
    const connection = await sessions.get(database);
    await copySlot(connection, { source: slot, target: copy, plugin }, signal);
    logger.warn({ slot, copy }, 'kept a copy of an orphaned slot: another slot has its name now');
  }

  async #drop(action: Of<'drop'>, seen: LocalSlot | undefined): Promise<void> {
    const { sessions, logger } = this.#options;
    await (seen?.type === 'physical'
      ? dropPhysicalSlot(await sessions.main(), action.slot, seen, this.#options.signal)
      : sessions.drop(action.slot, seen));
    logger.info({ slot: action.slot, reason: action.reason }, 'dropped the slot');
    const isUnsafe = this.#options.directory.ownership.get(action.slot)?.proven === false;
    if (isUnsafe && action.isReplaced !== true) {
      // Made again at once it would only be in the way again: its subscriber has to move first.
      throw new UnsafeSlotDropped(action.reason);
    }
  }

  async #try(slot: SlotName, kind: string, attempted: string, work: () => Promise<void>): Promise<number> {
    const { failures, metrics, signal } = this.#options;
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      metrics.actionsTotal.inc({ kind, outcome: 'failed' });
      failures.failed(slot, attempted, error);
      return 0;
    }
    failures.succeeded(slot);
    this.#count(kind, 1);
    return 1;
  }

  #count(kind: string, times: number): void {
    if (times > 0) {
      this.#options.metrics.actionsTotal.inc({ kind, outcome: 'ok' }, times);
    }
  }
}
