import type { Lsn } from '../vocabulary/lsn.ts';
import type { UnreadableSlot } from '../vocabulary/node-status.ts';
import { type ServerLife, sameLife } from '../vocabulary/server-life.ts';
import type { Incarnation, Manifest, OrphanCause, OrphanedSlot } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  type LogicalSlotState,
  type PhysicalSlotState,
  type SlotState,
  sameIdentity,
} from '../vocabulary/slot-state.ts';
import { sameHistory, type TimelineHistory } from '../vocabulary/timeline-history.ts';
import { judgeUnseen } from './unseen-slot.ts';

/** A slot as the topic has it now. */
export interface PublishedSlot {
  readonly state: SlotState;
  readonly incarnation: Incarnation;
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly publishedAt: number;
  /**
   * Its newest event is of an earlier timeline, so nobody has seen it on this server since that became the primary. That it is not here says nothing then,
   * nor does one of the same name.
   */
  readonly unseen?: true | undefined;
}

/** All slots of which the topic has an event that is no drop, as it has them now; those that are orphaned and have no successor, too. */
export type PublishedSlots = ReadonlyMap<SlotName, PublishedSlot>;

/**
 * What lies between the published states and what is seen now. `same_run`: the server has run on, so no position goes back. `restarted`: it was started anew, or its sessions have crashed.
 * `unknown`: it cannot be told, and what went back counts as made anew, which costs a standby no more than the making of its copy. `other_server`: another server has published, or this one on an earlier
 * timeline.
 */
export type Continuity = 'same_run' | 'restarted' | 'unknown' | 'other_server';

/** Judges that by the newest manifest, for a server that may claim the topic. A crash of sessions restarts all processes but the postmaster, and begins with a recovery. */
export function continuityOf(
  manifest: Manifest | undefined,
  now: { readonly history: TimelineHistory; readonly life: ServerLife },
): Continuity {
  if (manifest === undefined || !sameHistory(manifest.history, now.history)) {
    return 'other_server';
  }
  const { timeline, serverStartedAt, recoveredLsn: replayedLsn } = manifest;
  if (serverStartedAt === undefined) {
    return 'unknown';
  }
  return sameLife({ timeline, serverStartedAt, replayedLsn }, now.life) ? 'same_run' : 'restarted';
}

/** What has to be published so that the topic agrees with the server. */
export type SlotChange =
  | { readonly kind: 'create'; readonly state: SlotState }
  | { readonly kind: 'update'; readonly state: SlotState; readonly incarnation: Incarnation }
  /** Another slot of the same name: a drop of `previous`, then a create. `incarnation` is that of `previous`. */
  | {
      readonly kind: 'remake';
      readonly previous: SlotState;
      readonly incarnation: Incarnation;
      readonly state: SlotState;
    }
  | { readonly kind: 'drop'; readonly previous: SlotState; readonly incarnation: Incarnation }
  /** It is not here, and nobody has seen it dropped: no event, but the manifest says so. */
  | {
      readonly kind: 'orphan';
      readonly previous: SlotState;
      readonly incarnation: Incarnation;
      readonly cause: OrphanCause;
    }
  /** An orphaned slot of which the topic has no event any more is given up: no event, but the manifest says so. */
  | { readonly kind: 'forget'; readonly name: SlotName; readonly incarnation: Incarnation }
  /** The same as an orphan, and another slot has its name: that one's create. `incarnation` is that of `previous`. */
  | {
      readonly kind: 'supersede';
      readonly previous: SlotState;
      readonly incarnation: Incarnation;
      readonly state: SlotState;
    };

/** `silent` fields alone are no change, `position` ones may be held back by the throttle, `news` may not. */
type FieldRole = 'identity' | 'news' | 'position' | 'silent';

type SlotField = keyof LogicalSlotState | keyof PhysicalSlotState;

const fieldRoles = {
  name: 'identity',
  type: 'identity',
  plugin: 'identity',
  database: 'news',
  databaseOid: 'news',
  twoPhase: 'identity',
  twoPhaseAt: 'position',
  failover: 'news',
  synced: 'news',
  restartLsn: 'position',
  confirmedFlushLsn: 'position',
  xmin: 'position',
  catalogXmin: 'position',
  walStatus: 'position',
  invalidationReason: 'news',
  active: 'silent',
  canaryTime: 'silent',
} as const satisfies Record<SlotField, FieldRole>;

const slotFields = Object.keys(fieldRoles).filter(isSlotField);

function isSlotField(text: string): text is SlotField {
  return text in fieldRoles;
}

/**
 * Compares what is published with what the server shows and says what to publish: drops first, then the rest, each by name.
 *
 * A slot was remade, rather than moved, when its plugin, database, type or two_phase is another, or when a logical slot did what a living one
 * cannot: one of its positions went back, or it is no longer invalidated. Over a restart or crash of the server its confirmed_flush_lsn alone may go back, to
 * what was last saved: only a change of restart_lsn or catalog_xmin saves a logical slot (`LogicalConfirmReceivedLocation`). A physical slot is not saved when it moves
 * (`PhysicalConfirmReceivedLocation`), so for it both positions may go back. On another server all positions are its own.
 *
 * `lastObserved`: what the previous poll of this tenure showed; it finds a slot that was remade at a position between the published one and one that was held back.
 *
 * A slot is dropped, or taken for the one that stands here, only if it was seen here on this timeline. Of any other `unseen-slot.ts` says what it comes to:
 * and of one that was quarantined; with `isKnown`, whether a slot of this server is the one that was published, and `orphans`, those that are orphaned already.
 *
 * `unreadable`: slots that are there and that nothing can be said of. They stay as they are published: one that is not seen is gone, one that
 * cannot be read is not.
 */
export function diffSlots(input: {
  readonly published: PublishedSlots;
  readonly observed: readonly SlotState[];
  readonly lastObserved?: ReadonlyMap<SlotName, SlotState> | undefined;
  readonly continuity: Continuity;
  readonly unreadable?: readonly UnreadableSlot[] | undefined;
  readonly orphans?: readonly OrphanedSlot[] | undefined;
  readonly isKnown?: ((shown: SlotState, published: PublishedSlot) => boolean) | undefined;
  /** Slots that slotcast has taken out of their subscribers' reach, by the hand-off's record or by what stands in their place: that is no drop of anybody's. */
  readonly isQuarantined?: ((slot: SlotName) => boolean) | undefined;
}): SlotChange[] {
  const unreadable = new Set<string>((input.unreadable ?? []).map(({ slot }) => slot));
  const observed = new Map(input.observed.map((state) => [state.name, state]));
  const drops: SlotChange[] = [];
  const rest: SlotChange[] = [];
  for (const [name, published] of input.published) {
    const state = observed.get(name);
    if (unreadable.has(name)) {
      continue;
    }
    const orphaned = judgeUnseen(published, state, input);
    if (orphaned !== undefined) {
      rest.push(...orphaned);
    } else if (state === undefined) {
      drops.push({ kind: 'drop', previous: published.state, incarnation: published.incarnation });
    } else {
      rest.push(...changeOf(published, state, input));
    }
  }
  const created = input.observed.filter(({ name }) => !input.published.has(name));
  rest.push(...created.map((state): SlotChange => ({ kind: 'create', state })));
  return [...drops.toSorted(byName), ...rest.toSorted(byName)];
}

/** Of a slot that is here, and was when it was published last. */
function changeOf(
  { incarnation, state: previous, unseen }: PublishedSlot,
  state: SlotState,
  { lastObserved, continuity }: Parameters<typeof diffSlots>[0],
): readonly SlotChange[] {
  const last = lastObserved?.get(state.name) ?? previous;
  if (state === previous && state === last) {
    return [];
  }
  const earlier = continuity === 'other_server' || unseen === true ? [] : [previous, last];
  const isOther = earlier.some((before) => cannotBecome(before, state, continuity));
  if (!sameIdentity(previous, state) || isOther) {
    return [{ kind: 'remake', previous, incarnation, state }];
  }
  return sameState(previous, state) ? [] : [{ kind: 'update', state, incarnation }];
}

/** The name of the slot that changed. */
export function changedSlot(change: SlotChange): SlotName {
  if (change.kind === 'forget') {
    return change.name;
  }
  return 'state' in change ? change.state.name : change.previous.name;
}

/** True when both states say the same, apart from `active` and the canary's time, which are not worth an event. */
export function sameState(a: SlotState, b: SlotState): boolean {
  return slotFields.every(
    (field) => fieldRoles[field] === 'silent' || valueOf(a, field) === valueOf(b, field),
  );
}

/** True when more than positions changed: the slot became unusable, another side of PostgreSQL now looks after it, or a pin came or went. */
export function isNews(before: SlotState, after: SlotState): boolean {
  return (
    isInvalidated(before) !== isInvalidated(after) ||
    slotFields.some(
      (field) => fieldRoles[field] === 'news' && valueOf(before, field) !== valueOf(after, field),
    ) ||
    (after.type === 'physical' && (before.catalogXmin === undefined) !== (after.catalogXmin === undefined))
  );
}

/** Absent where slots of that type have no such field. */
function valueOf(state: SlotState, field: SlotField): unknown {
  const fields: { readonly [Field in SlotField]?: unknown } = state;
  return fields[field];
}

function cannotBecome(before: SlotState, after: SlotState, continuity: Continuity): boolean {
  return (
    after.type === 'logical' &&
    (wentBack(before.restartLsn, after.restartLsn) ||
      (continuity !== 'restarted' && wentBack(before.confirmedFlushLsn, after.confirmedFlushLsn)) ||
      (isInvalidated(before) && !isInvalidated(after)))
  );
}

function wentBack(before: Lsn | undefined, after: Lsn | undefined): boolean {
  return before !== undefined && after !== undefined && after < before;
}

function byName(a: SlotChange, b: SlotChange): number {
  return changedSlot(a) < changedSlot(b) ? -1 : 1;
}
