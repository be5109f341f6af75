import type { FilterText } from '../reasons/slot-filter-doubt.ts';
import type { WaitingEvents } from '../topics/event-backlog.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Ownership, UnreadableSlot } from '../vocabulary/node-status.ts';
import type { OpenTransaction } from '../vocabulary/open-transaction.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { LocalSlot, LogicalSlotState, SlotState } from '../vocabulary/slot-state.ts';
import type { ConfirmationRhythm } from './confirmation-rhythm.ts';
import type { MakingPin } from './making-pin.ts';
import type { PinFacts } from './pin-path.ts';
import type { SlotLimits } from './slot-limits.ts';
import type { ReadinessLimits } from './slot-readiness.ts';
import type { PreparedOnPrimary, UnprovenSlot } from './two-phase-proof.ts';

/** A temporary slot of one database that decodes, or will, from a consistent point on. */
export interface Probe {
  /** Absent while the server still looks for the point where decoding may start. */
  readonly consistentPoint?: Lsn | undefined;
  /** Absent when catalog rows are known to have been held back for it all the time; `lost` when they may not have been. */
  readonly pin?: 'awaited' | 'lost' | undefined;
}

/** What an operator chose, and what the server allows. */
export interface PlanPolicy {
  readonly wanted: (slot: SlotState) => boolean;
  /** What `wanted` was made of. */
  readonly filter: FilterText;
  readonly dropExtraSlots: boolean;
  readonly onConflict: 'report' | 'replace';
  readonly allowedPlugins: readonly string[];
  readonly limits: ReadinessLimits;
  /** WAL that one advance by decoding may pass, so that progress is kept and a stop is prompt. */
  readonly advanceStepBytes: bigint;
}

/** Why the next step of a slot is not taken now, or failed when it was taken last. */
export interface Hold {
  readonly reasons: readonly Reason[];
  /** No step may be taken: one is under way, or the pause after an error is not over. */
  readonly pausing: boolean;
  /**
   * `passing`: it may work by itself the next time. `person`: somebody has to fix something first. `missing_wal`: it never will. `upkeep`:
   * slotcast decodes it or makes it anew at the moment, beside the loop, and nothing is wrong with it. `refuted`: it is here, and was seen not to
   * deliver what the slot on the primary does.
   */
  readonly cause: 'passing' | 'person' | 'missing_wal' | 'upkeep' | 'refuted';
}

/** Slots that are being made anew, as copies of leading ones. */
export interface RemakingWork {
  /** Slots that it is still to be done to. */
  readonly slots: ReadonlySet<SlotName>;
  /** Leading slots in use. */
  readonly leaders: ReadonlySet<SlotName>;
}

/** Everything that a plan depends on. Nothing in it may change afterwards: the next plan finds what is new by comparing. */
export interface PlanInput {
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the incarnation that `desired` is about: the furthest that its subscriber was ever seen to have confirmed. */
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  readonly manifest: Manifest;
  /** A server was promoted since the manifest was written, and its publisher has not said yet which slots it has: nobody knows whether they live. */
  readonly isSuperseded?: boolean | undefined;
  /** Events that replay has not reached; the measure of lag. */
  readonly waiting: ReadonlyMap<SlotName, WaitingEvents>;
  readonly replayLsn: Lsn;
  /** All WAL that the server has, received or replayed. */
  readonly endOfWal: Lsn;
  readonly limits: SlotLimits;
  readonly local: readonly LocalSlot[];
  /** Slots here whose rows cannot be right. */
  readonly unreadable?: readonly UnreadableSlot[] | undefined;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  /** By `databaseKey`. */
  readonly probes: ReadonlyMap<string, Probe>;
  /** Slots with a creation under way, or whose last step failed. */
  readonly held: ReadonlyMap<SlotName, Hold>;
  /** What is under way with leading slots; absent: nothing. */
  readonly remaking?: RemakingWork | undefined;
  /** Slots here that are not safe yet. */
  readonly unproven: ReadonlyMap<SlotName, UnprovenSlot>;
  /** What is prepared on the primary; absent when its publisher does not tell. */
  readonly prepared?: PreparedOnPrimary | undefined;
  /** How often the subscribers of slots with two_phase confirm. */
  readonly rhythms: ReadonlyMap<SlotName, ConfirmationRhythm>;
  readonly pin: PinFacts;
  /** Whether slots that are begun now find the catalog rows that they need. */
  readonly making: MakingPin;
  /** The anchor is there, or in the making. */
  readonly anchored: boolean;
  /** As the primary's publisher told it last. */
  readonly oldestTransaction?: OpenTransaction | undefined;
  readonly maxReplicationSlots: number;
  readonly syncReplicationSlots: boolean;
  /** Plugins that the server itself allows (`output_plugin_libraries`); absent where it has no such setting. */
  readonly serverPlugins?: readonly string[] | undefined;
  /** Plugins that the server was seen not to load, with what it said. */
  readonly unloadable: ReadonlyMap<string, string>;
  readonly heartbeatAgeMs: number;
  readonly policy: PlanPolicy;
  readonly now: number;
}

/** One slot, and all that is known of it alone. */
export interface Subject {
  readonly name: SlotName;
  readonly event: SlotEvent | undefined;
  readonly local: LocalSlot | undefined;
  readonly owned: Ownership | undefined;
  /** The manifest names it. */
  readonly listed: boolean;
}

/** A slot that lives on the primary at this server's point in WAL. */
export interface LiveSubject extends Subject {
  readonly event: SlotEvent;
  readonly state: LogicalSlotState;
  /** What its subscriber has confirmed; absent when it says more than its server had. */
  readonly confirmed: Lsn | undefined;
}
