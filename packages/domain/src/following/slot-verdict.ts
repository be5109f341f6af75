import type { Lsn } from '../vocabulary/lsn.ts';
import type { Ownership, ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';

/** One step on a standby's slots. Every step is safe to repeat and safe to be the last one before a crash. */
export type SlotAction =
  /** Commit ownership to the nodes topic; comes before the slot exists. */
  | { readonly kind: 'own'; readonly slot: SlotName; readonly ownership: Ownership }
  /** Give up ownership of a slot that is no longer here. */
  | { readonly kind: 'release'; readonly slot: SlotName }
  /** Make a temporary slot that has catalog rows held back on the primary, in any database. */
  | {
      readonly kind: 'anchor';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
    }
  /** Make the temporary slot of a database, while `under` has catalog rows held back for it. */
  | {
      readonly kind: 'probe';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
      readonly under: string;
    }
  /** Copy the database's temporary slot to the real name. */
  | {
      readonly kind: 'copy';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
    }
  /** Make a slot again that is missing since it was to be made anew, as a copy of the leading slot. */
  | {
      readonly kind: 'restore';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
      readonly leader: SlotName;
    }
  /** Copy what stands here of an orphaned slot to another name, as a slot that lives on the primary has its own. */
  | {
      readonly kind: 'set_aside';
      readonly slot: SlotName;
      readonly copy: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
    }
  /** Make a two_phase slot under its real name, where no copy can become one. */
  | {
      readonly kind: 'create_two_phase';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
    }
  /** Make a physical slot, which keeps WAL from the last restartpoint of this server on. */
  | { readonly kind: 'create_physical'; readonly slot: SlotName }
  /** Let a physical slot keep WAL from `target` on; where it stands there already, it only counts as used. */
  | { readonly kind: 'advance_physical'; readonly slot: SlotName; readonly target: Lsn }
  /** Make the copy of a two_phase slot what it is to be, where it stands. */
  | {
      readonly kind: 'enable_two_phase';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
    }
  /** Move to `goal`; where that takes decoding, first to `target`, which is one step of it. */
  | {
      readonly kind: 'advance';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
      readonly target: Lsn;
      readonly goal: Lsn;
    }
  /** Move to where it stands: the server then does not take it for one that nobody needs any more. */
  | {
      readonly kind: 'keep';
      readonly slot: SlotName;
      readonly database: SlotDatabase;
      readonly plugin: string;
      readonly position: Lsn;
    }
  | {
      readonly kind: 'drop';
      readonly slot: SlotName;
      readonly reason: string;
      /** Another one can be made at once. */
      readonly isReplaced?: boolean | undefined;
    };

export type SlotActionKind = SlotAction['kind'];

/** What a plan says about one slot: the state that operators see, and the next step if there is one. */
export interface SlotVerdict {
  readonly slot: SlotName;
  readonly state: ReadinessState;
  /** What is waited for and what would fix it; none when ready. */
  readonly reasons: readonly Reason[];
  readonly action?: SlotAction | undefined;
  /** What stands here would not take over after a promotion, or not without a gap, whatever the state says. */
  readonly atRisk?: boolean | undefined;
  /** It is slotcast's, of the present incarnation, and stands where its subscriber may be followed. */
  readonly sound?: true | undefined;
  /** slotcast decodes it or makes it anew at the moment; it takes its next step after that. */
  readonly upkeep?: true | undefined;
  /** A sound copy that is `blocked` for want of a pin, and for nothing else. */
  readonly unpinned?: boolean | undefined;
  /** It is `blocked`, as too few replication slots are free to make it. */
  readonly lacksPlace?: true | undefined;
  /** It is a copy that is kept, of a slot that the primary does not have. */
  readonly orphaned?: true | undefined;
  /** It is about a physical slot: its reader fails loudly where it is not there, or keeps too little. */
  readonly physical?: true | undefined;
  /** The temporary slot of its database is needed to make it. */
  readonly needsProbe?: boolean | undefined;
}

/** A verdict on the slot that `subject` names. */
export function verdict(
  subject: { readonly name: SlotName },
  state: ReadinessState,
  reasons: readonly Reason[],
  next?: SlotAction,
): SlotVerdict {
  return { slot: subject.name, state, reasons, action: next };
}
