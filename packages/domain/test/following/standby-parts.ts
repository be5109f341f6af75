import assert from 'node:assert/strict';
import {
  databaseOf,
  type Hold,
  type LocalLogicalSlot,
  type Lsn,
  minLsn,
  type Ownership,
  type Plan,
  type PlanPolicy,
  rememberFurthest,
  type SettledBacklog,
  type SlotAction,
  type SlotDatabase,
  type SlotName,
  sameDatabase,
  sameIncarnation,
} from '@slotcast/domain';
import { saying, whyOf } from '../reason-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';
import { policy } from './plan-situations.ts';
import type { PrimaryModel } from './primary-model.ts';
import type { RemakingModel } from './remaking-model.ts';

/** A creation that waits for replay to reach the point where decoding may start. */
export interface Creation {
  readonly consistentPoint: Lsn;
  readonly database: SlotDatabase;
  readonly plugin: string;
}

/** What an operator may change on a standby at any time. */
export interface StandbySettings {
  maxReplicationSlots: number;
  syncReplicationSlots: boolean;
  /** Whether the row of a slot in the making shows already; there is a moment when it does not. */
  showsCreations: boolean;
  /** Slots are advanced by decoding, in steps. */
  decodes: boolean;
  readonly unwanted: Set<SlotName>;
}

/** What outlives a crash of the consumer. */
interface Lasting {
  readonly replayLsn: Lsn;
  readonly slots: ReadonlyMap<SlotName, LocalLogicalSlot>;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
}

export function rowOf({ name, oid }: SlotDatabase): Pick<LocalLogicalSlot, 'database' | 'databaseOid'> {
  return { database: name, databaseOid: oid ?? assert.fail('a database without an oid') };
}

/** A two_phase slot that still looks for its starting point. */
export function makingRow(name: SlotName, { database, plugin }: Creation): LocalLogicalSlot {
  const making = { ...rowOf(database), plugin, twoPhase: true, confirmedFlushLsn: undefined };
  return { ...logicalSlot(name, making), temporary: false };
}

/** Slots that no step may be taken with. */
export function heldBy(remaking: RemakingModel, made: Iterable<SlotName>): Map<SlotName, Hold> {
  const making: Hold = { reasons: [saying('is being made')], pausing: true, cause: 'passing' };
  return new Map([...remaking.held, ...[...made].map((name) => [name, making] as const)]);
}

/** Each slot with its state and next step, for messages. */
export function outlineOf(standby: { readonly plan: () => Plan | undefined }): string[] {
  return (standby.plan()?.verdicts ?? []).map(
    (entry) => `${entry.slot}: ${entry.state} ${entry.action?.kind ?? ''} ${whyOf(entry)}`,
  );
}

export function madeSlot(
  name: SlotName,
  { database, plugin, consistentPoint }: Creation,
  twoPhase: boolean,
): LocalLogicalSlot {
  const traits = { ...rowOf(database), plugin, twoPhase, confirmedFlushLsn: consistentPoint, active: false };
  return { ...logicalSlot(name, traits), temporary: false };
}

/** What a stream that asks for it makes of a copy. */
export function twoPhased(slot: LocalLogicalSlot | undefined): LocalLogicalSlot {
  assert.ok(slot?.twoPhase === false);
  return { ...slot, twoPhase: true };
}

/** A slot that is made again from a leading one, which has to be there, and in the same database. */
export function restoredSlot(
  { slot, leader, database, plugin }: Extract<SlotAction, { kind: 'restore' }>,
  slots: ReadonlyMap<SlotName, LocalLogicalSlot>,
): LocalLogicalSlot {
  const source = slots.get(leader);
  assert.ok(source !== undefined && !slots.has(slot), `made ${slot} from ${leader}`);
  assert.ok(sameDatabase(databaseOf(source), database), 'copied from another database');
  return { ...source, name: slot, plugin };
}

/** Ownership as the consumer records it for the slots that the newest events are about. */
export function rememberedOwnership(
  standby: Lasting,
  { desired, furthest, manifest }: SettledBacklog,
): (readonly [SlotName, Ownership])[] {
  return [...standby.ownership].flatMap(([name, owned]) => {
    const event = desired.get(name);
    const slot = standby.slots.get(name);
    const isOfEvent =
      owned.lineage === manifest?.lineage &&
      event !== undefined &&
      sameIncarnation(owned.incarnation, event.incarnation);
    const known = { furthest: furthest.get(name), replayLsn: standby.replayLsn };
    return isOfEvent && slot !== undefined ? [[name, rememberFurthest(owned, slot, known)] as const] : [];
  });
}

/** A slot that is said to be able to take over never skips what its subscriber has not confirmed. */
export function assertReadyIsSafe(standby: Lasting, planned: Plan | undefined, primary: PrimaryModel): void {
  for (const { slot, state } of planned?.verdicts ?? []) {
    const here = standby.slots.get(slot)?.confirmedFlushLsn;
    if ((state === 'ready' || state === 'lagging') && standby.ownership.has(slot) && here !== undefined) {
      const furthest = primary.furthestSeen(slot, primary.flushLsn) ?? 0n;
      assert.ok(here <= furthest, `${slot} is ${state} at ${here}, and its subscriber confirmed ${furthest}`);
    }
  }
}

export const ADVANCE_STEP_BYTES = 5000n;

/** What the operator of a standby chose. */
export function policyOf(wanted: PlanPolicy['wanted']): PlanPolicy {
  return {
    ...policy,
    advanceStepBytes: ADVANCE_STEP_BYTES,
    wanted,
    filter: { text: 'as meant', confirmed: true },
  };
}

/** The slot after an advance: at its goal without decoding, else one step on. */
export function advanced(
  action: Extract<SlotAction, { kind: 'advance' }>,
  slot: LocalLogicalSlot,
  { settings, replayLsn }: { readonly settings: StandbySettings; readonly replayLsn: Lsn },
): LocalLogicalSlot {
  const { target, goal, database } = action;
  const from = slot.confirmedFlushLsn ?? assert.fail('advanced a slot that is in the making');
  assert.deepEqual(databaseOf(slot), database, 'touched a slot from another database');
  assert.ok(target > from, 'advanced to where it was, or backwards');
  assert.ok(target - from <= ADVANCE_STEP_BYTES, 'too large a step');
  assert.ok(goal >= target && goal <= replayLsn, 'a goal past replay');
  return { ...slot, confirmedFlushLsn: settings.decodes ? target : goal };
}

/** Where slots stand after a restart of their server: a move without decoding is not saved by itself. */
export class SavedPositions {
  readonly #saved = new Map<SlotName, Lsn>();

  save(slots: ReadonlyMap<SlotName, LocalLogicalSlot>): void {
    for (const [name, { confirmedFlushLsn }] of slots) {
      if (confirmedFlushLsn !== undefined) {
        this.#saved.set(name, confirmedFlushLsn);
      }
    }
  }

  restore(slots: Map<SlotName, LocalLogicalSlot>): void {
    for (const [name, slot] of slots) {
      const { confirmedFlushLsn: reached } = slot;
      const saved = this.#saved.get(name);
      if (reached !== undefined && saved !== undefined) {
        slots.set(name, { ...slot, confirmedFlushLsn: minLsn(reached, saved) });
      }
    }
  }
}
