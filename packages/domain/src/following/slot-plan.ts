import { formatLsn, type Lsn, lsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type OpenTransaction, waitsForTransactions } from '../vocabulary/open-transaction.ts';
import { type Manifest, type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type LocalSlot, type SlotState, sameIdentity } from '../vocabulary/slot-state.ts';
import type { PinFacts } from './catalog-pin.ts';
import { isMissing, listedSlots } from './published-line.ts';
import { withinCapacity } from './slot-capacity.ts';
import { findObstacle } from './slot-obstacle.ts';
import { judgeReadiness, type ReadinessLimits, type WaitingEvents } from './slot-readiness.ts';
import { type SlotAction, type SlotVerdict, verdict } from './slot-verdict.ts';

/** A temporary slot of one database that decodes, or will, from a consistent point on. */
export interface Probe {
  /** Absent while the server still looks for the point where decoding may start. */
  readonly consistentPoint?: Lsn | undefined;
}

/** What an operator chose, and what the server allows. */
export interface PlanPolicy {
  readonly wanted: (slot: SlotState) => boolean;
  readonly dropExtraSlots: boolean;
  readonly onConflict: 'report' | 'replace';
  readonly allowedPlugins: readonly string[];
  readonly limits: ReadinessLimits;
  /** WAL that one advance may decode, so that progress is kept and a stop is prompt. */
  readonly advanceStepBytes: bigint;
  /** How long a two_phase slot may stand under its real name before the primary's consumer has passed it. */
  readonly unprovenTimeoutMs: number;
}

/** Everything that a plan depends on. */
export interface PlanInput {
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  readonly manifest: Manifest;
  /** Events that replay has not reached; the measure of lag. */
  readonly waiting: ReadonlyMap<SlotName, WaitingEvents>;
  readonly replayLsn: Lsn;
  readonly local: readonly LocalSlot[];
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  readonly probes: ReadonlyMap<string, Probe>;
  /** Slots with a creation under way, or in back-off after an error; the text says why. */
  readonly held: ReadonlyMap<SlotName, string>;
  readonly unprovenSince: ReadonlyMap<SlotName, number>;
  readonly pin: PinFacts;
  /** As the primary's publisher told it last. */
  readonly oldestTransaction?: OpenTransaction | undefined;
  readonly maxReplicationSlots: number;
  readonly syncReplicationSlots: boolean;
  /** Plugins that the server itself allows (`output_plugin_libraries`); absent where it has no such setting. */
  readonly serverPlugins?: readonly string[] | undefined;
  readonly heartbeatAgeMs: number;
  readonly policy: PlanPolicy;
  readonly now: number;
}

export interface Plan {
  readonly verdicts: readonly SlotVerdict[];
  /** Databases whose probe no slot needs any more. */
  readonly idleProbes: readonly string[];
}

/**
 * The next step of every slot. Each verdict has at most one action; the caller carries it out, looks again and plans
 * again, so a crash between any two steps ends in the same place.
 */
export function plan(input: PlanInput): Plan {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  const names = new Set<SlotName>([...input.desired.keys(), ...input.ownership.keys()]);
  const listed = listedSlots(input.manifest);
  const verdicts: SlotVerdict[] = [];
  for (const name of [...names].toSorted()) {
    const event = input.desired.get(name);
    const here = local.get(name);
    // A physical slot here is somebody's hold on WAL, whatever its name: never ours to touch.
    const owned = here?.type === 'physical' ? undefined : input.ownership.get(name);
    const subject = { name, event, local: here, owned, listed: listed.has(name) };
    if (!isOwnWorkingSlot(name) && (event?.state?.type !== 'physical' || owned !== undefined)) {
      verdicts.push(unlessHeld(input, subject, planSlot(input, subject)));
    }
  }
  const capacity = { max: input.maxReplicationSlots, used: input.local.length };
  const possible = withinCapacity(capacity, verdicts);
  return { verdicts: possible, idleProbes: findIdleProbes(input, possible, local) };
}

interface Subject {
  readonly name: SlotName;
  readonly event: SlotEvent | undefined;
  readonly local: LocalSlot | undefined;
  readonly owned: Ownership | undefined;
  /** The manifest names it. */
  readonly listed: boolean;
}

/** A slot that lives on the primary at this server's point in WAL. */
interface LiveSubject extends Subject {
  readonly event: SlotEvent;
  readonly state: SlotState;
}

function planSlot(input: PlanInput, subject: Subject): SlotVerdict {
  const { event, local } = subject;
  if (local?.synced === true) {
    return planNative(subject);
  }
  if (event === undefined) {
    return planUnknown(input, subject);
  }
  const { name, owned, listed } = subject;
  const isGone = isMissing({ manifest: input.manifest, listed }, event);
  if (event.op === 'drop' || event.state === undefined || isGone) {
    return planGone(input, subject, 'it was dropped on the primary');
  }
  const live = { name, event, local, owned, listed, state: event.state };
  if (live.state.failover && input.syncReplicationSlots) {
    return planNative(subject);
  }
  if (live.state.type === 'physical') {
    return planGone(input, subject, 'it is a physical slot on the primary now');
  }
  if (!input.policy.wanted(event.state)) {
    return planGone(input, subject, 'SLOTCAST_SLOTS does not select it');
  }
  if (isInvalidated(event.state)) {
    return planInvalidated(live);
  }
  return local === undefined ? planMissing(input, live) : planPresent(input, live, local);
}

/**
 * A held slot gets no step at all: giving up ownership, too, would leave a slot whose creation is under way without an owner.
 */
function unlessHeld(input: PlanInput, subject: Subject, planned: SlotVerdict): SlotVerdict {
  const held = input.held.get(subject.name);
  if (held === undefined || planned.action === undefined) {
    return planned;
  }
  const hinders =
    planned.state === 'ready' ||
    planned.state === 'lagging' ||
    (planned.state === 'catching_up' && subject.local !== undefined);
  const reason = planned.reason === '' ? held : `${planned.reason}; ${held}`;
  return verdict(subject, hinders ? 'blocked' : planned.state, reason);
}

/** PostgreSQL's own slot synchronisation keeps it; a slot of ours with that name would stop its whole cycle. */
function planNative(subject: Subject): SlotVerdict {
  const reason =
    "PostgreSQL's own slot synchronisation keeps it (failover = true, sync_replication_slots = on)";
  if (subject.owned === undefined) {
    return subject.local === undefined || subject.local.synced
      ? verdict(subject, 'native', reason)
      : verdict(subject, 'conflict', `a slot of this name stands in the way here: drop it. ${reason}`);
  }
  if (subject.local !== undefined && !subject.local.synced) {
    return verdict(subject, 'native', reason, {
      kind: 'drop',
      slot: subject.name,
      reason: 'handed over to slot synchronisation',
    });
  }
  return verdict(subject, 'native', reason, { kind: 'release', slot: subject.name });
}

/**
 * No applicable event: either all are still ahead of replay, or compaction has removed the drop of a slot long gone. A slot whose
 * own incarnation is still ahead is spared: a crash restart of the standby takes replay back to where it did not exist yet.
 */
function planUnknown(input: PlanInput, subject: Subject): SlotVerdict {
  const { name, owned } = subject;
  const { manifest } = input;
  const ahead = input.waiting.get(name)?.oldest;
  const comes =
    ahead !== undefined &&
    owned?.lineage === manifest.lineage &&
    sameIncarnation(ahead.incarnation, owned.incarnation);
  if (!comes && !subject.listed) {
    return planGone(input, subject, 'the primary has no such slot any more');
  }
  return verdict(subject, 'catching_up', 'waits for replay to reach its first event');
}

function planGone(input: PlanInput, subject: Subject, why: string): SlotVerdict {
  const { name, local, owned } = subject;
  if (owned === undefined) {
    return verdict(subject, 'absent', why);
  }
  if (local === undefined) {
    return verdict(subject, 'absent', why, { kind: 'release', slot: name });
  }
  if (!input.policy.dropExtraSlots) {
    return verdict(subject, 'absent', `${why}; SLOTCAST_DROP_EXTRA_SLOTS=false keeps the copy here`);
  }
  return verdict(subject, 'absent', why, { kind: 'drop', slot: name, reason: why });
}

function planInvalidated(subject: LiveSubject): SlotVerdict {
  const { name, local, owned, state } = subject;
  const reason = `lost on the primary (${state.invalidationReason ?? 'wal_removed'}): drop it there and let its consumer start over`;
  if (owned === undefined) {
    return verdict(subject, 'invalidated', reason);
  }
  return verdict(
    subject,
    'invalidated',
    reason,
    local === undefined ? { kind: 'release', slot: name } : { kind: 'drop', slot: name, reason: reason },
  );
}

function planMissing(input: PlanInput, subject: LiveSubject): SlotVerdict {
  const { name, event, owned, state } = subject;
  const { allowedPlugins } = input.policy;
  const obstacle = findObstacle(state.plugin ?? '', {
    ...input,
    allowedPlugins,
    serverPlugins: input.serverPlugins,
  });
  if (obstacle !== undefined) {
    return verdict(subject, 'blocked', obstacle);
  }
  const database = state.database ?? '';
  const plugin = state.plugin ?? '';
  const probe = input.probes.get(database);
  if (probe === undefined) {
    const reason = 'a temporary slot is being made to find where decoding may start';
    return verdict(subject, 'catching_up', reason, { kind: 'probe', slot: name, database, plugin });
  }
  if (probe.consistentPoint === undefined) {
    return verdict(subject, 'catching_up', waitsForTransactions(input.oldestTransaction));
  }
  if (state.confirmedFlushLsn === undefined || state.confirmedFlushLsn < probe.consistentPoint) {
    return verdict(subject, 'catching_up', waitsForConsumer(state, probe.consistentPoint));
  }
  const claimed = {
    incarnation: event.incarnation,
    lineage: input.manifest.lineage,
    proven: !state.twoPhase,
  };
  if (owned === undefined || !sameOwnership(owned, claimed)) {
    return verdict(subject, 'catching_up', 'ownership is being recorded', {
      kind: 'own',
      slot: name,
      ownership: claimed,
    });
  }
  return state.twoPhase
    ? verdict(subject, 'catching_up', 'is being made', {
        kind: 'create_two_phase',
        slot: name,
        database,
        plugin,
      })
    : verdict(subject, 'catching_up', 'is being made', { kind: 'copy', slot: name, database, plugin });
}

function planPresent(input: PlanInput, subject: LiveSubject, local: LocalSlot): SlotVerdict {
  const { name, event, owned, state } = subject;
  if (owned === undefined) {
    return planConflict(input, subject, local);
  }
  if (!sameIdentity(local, state)) {
    return verdict(subject, 'catching_up', 'is being remade: plugin, database or two_phase changed', {
      kind: 'drop',
      slot: name,
      reason: 'remade with other properties on the primary',
    });
  }
  if (owned.lineage !== input.manifest.lineage) {
    const adopted = { ...owned, incarnation: event.incarnation, lineage: input.manifest.lineage };
    return verdict(subject, 'catching_up', 'ownership is being recorded anew for a recreated topic', {
      kind: 'own',
      slot: name,
      ownership: adopted,
    });
  }
  if (!sameIncarnation(owned.incarnation, event.incarnation)) {
    return verdict(subject, 'catching_up', 'is being remade: dropped and created again on the primary', {
      kind: 'drop',
      slot: name,
      reason: 'dropped and created again on the primary',
    });
  }
  if (isInvalidated(local)) {
    const why = `invalidated on this server only (${local.invalidationReason ?? 'wal_removed'})`;
    return verdict(subject, 'catching_up', `is being remade: ${why}`, {
      kind: 'drop',
      slot: name,
      reason: why,
    });
  }
  if (local.confirmedFlushLsn === undefined) {
    return verdict(subject, 'catching_up', 'is in the making by another session');
  }
  if (!owned.proven) {
    return planUnproven(input, subject, { owned, position: local.confirmedFlushLsn });
  }
  // Field by field: a copy of the whole input for each slot would be most of what a plan costs.
  const { pin, heartbeatAgeMs, now, policy } = input;
  const waiting = input.waiting.get(name);
  const facts = { event, waiting, local, pin, heartbeatAgeMs, now, limits: policy.limits };
  const readiness = judgeReadiness(facts);
  return verdict(subject, readiness.state, readiness.reason, nextAdvance(input, state, local));
}

function planConflict(input: PlanInput, subject: LiveSubject, local: LocalSlot): SlotVerdict {
  if (local.type === 'physical') {
    const clash =
      'a physical slot of this name exists here, which slotcast never touches: rename one of the two';
    return verdict(subject, 'conflict', clash);
  }
  if (input.policy.onConflict === 'replace') {
    return verdict(subject, 'conflict', 'a foreign slot is being replaced', {
      kind: 'drop',
      slot: subject.name,
      reason: 'SLOTCAST_ON_CONFLICT=replace',
    });
  }
  const reason =
    'a slot of this name exists here that slotcast did not make: take it over with slotcast adopt, drop it, or set SLOTCAST_ON_CONFLICT=replace to have it replaced';
  return verdict(subject, 'conflict', reason);
}

/** A copy loses two_phase, so such a slot is made under its real name and must be passed by the primary's consumer soon. */
function planUnproven(
  input: PlanInput,
  subject: LiveSubject,
  made: { readonly owned: Ownership; readonly position: Lsn },
): SlotVerdict {
  const { name, state } = subject;
  if (state.confirmedFlushLsn !== undefined && state.confirmedFlushLsn >= made.position) {
    return verdict(subject, 'catching_up', 'has been passed by its consumer', {
      kind: 'own',
      slot: name,
      ownership: { ...made.owned, proven: true },
    });
  }
  const since = input.unprovenSince.get(name) ?? input.now;
  if (input.now - since >= input.policy.unprovenTimeoutMs) {
    return verdict(subject, 'catching_up', 'its consumer did not move past it in time', {
      kind: 'drop',
      slot: name,
      reason: 'not passed by its consumer in time',
    });
  }
  return verdict(subject, 'catching_up', waitsForConsumer(state, made.position));
}

/** The next target: never past replay, never backwards, never one that is reached, and no more WAL than one step. */
function nextAdvance(input: PlanInput, state: SlotState, local: LocalSlot): SlotAction | undefined {
  const from = local.confirmedFlushLsn;
  if (from === undefined || state.confirmedFlushLsn === undefined) {
    return undefined;
  }
  const goal = minLsn(state.confirmedFlushLsn, input.replayLsn);
  if (goal <= from) {
    return undefined;
  }
  const step = lsn(from + input.policy.advanceStepBytes);
  return {
    kind: 'advance',
    slot: local.name,
    database: local.database ?? '',
    target: minLsn(step, goal),
    goal,
  };
}

/**
 * A probe holds back WAL and vacuum, so it goes as soon as no slot of its database is still to be made. One that stands unproven is
 * made: were it to fail, its next attempt should wait for the consumer to pass a new probe, not the old one again.
 */
function findIdleProbes(
  input: PlanInput,
  verdicts: readonly SlotVerdict[],
  local: ReadonlyMap<SlotName, LocalSlot>,
): string[] {
  const needed = new Set(
    verdicts
      .filter(
        ({ slot, state, action }) => state === 'catching_up' && (action?.kind === 'drop' || !local.has(slot)),
      )
      .map(({ slot }) => input.desired.get(slot)?.state?.database),
  );
  return [...input.probes.keys()].filter((database) => !needed.has(database));
}

function sameOwnership(a: Ownership, b: Ownership): boolean {
  return sameIncarnation(a.incarnation, b.incarnation) && a.lineage === b.lineage && a.proven === b.proven;
}

function waitsForConsumer(state: SlotState, position: Lsn): string {
  const now = state.confirmedFlushLsn === undefined ? 'nothing' : formatLsn(state.confirmedFlushLsn);
  return `waits for the consumer of slot ${state.name} on the primary to confirm ${formatLsn(position)} (now ${now})`;
}
