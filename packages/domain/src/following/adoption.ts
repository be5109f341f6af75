import { reason, reasonText } from '../reasons/reason.ts';
import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import { type Manifest, type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  type LocalPhysicalSlot,
  type LocalSlot,
  type PhysicalSlotState,
  sameIdentity,
} from '../vocabulary/slot-state.ts';
import { judgePlace } from './copy-place.ts';
import { needsNoMore } from './plan-adopted.ts';

/** Whether a slot that slotcast did not make may become its own; a refusal says why and what to do instead. */
export type AdoptionVerdict =
  | { readonly kind: 'adopt'; readonly ownership: Ownership }
  | { readonly kind: 'owned' }
  | { readonly kind: 'refuse'; readonly reason: string };

/**
 * Judges the adoption of a slot on a standby. It has to be the same kind of slot as the primary's, and must not stand past what the
 * primary's subscriber has confirmed: it would skip the changes between. `event` is the newest one that replay has reached.
 */
export function judgeAdoption(input: {
  readonly slot: SlotName;
  readonly local: LocalSlot | undefined;
  readonly event: SlotEvent | undefined;
  /** The furthest that the subscriber of the event's incarnation was ever seen to have confirmed. */
  readonly furthest: Lsn | undefined;
  readonly manifest: Manifest;
  readonly owned: Ownership | undefined;
  /** Whether a copy of this physical slot of the primary is kept here: one that is not would be dropped at once. */
  readonly isCarried: (slot: PhysicalSlotState) => boolean;
}): AdoptionVerdict {
  const { slot, local, event, furthest, manifest, owned } = input;
  if (local === undefined || local.temporary) {
    return refuse(`there is no slot ${slot} on this server`);
  }
  if (isPlaceholder(local)) {
    return refuse(reasonText([reason('name_taken_by_placeholder')]));
  }
  if (local.type === 'physical') {
    return judgePhysical({ ...input, local });
  }
  if (local.synced) {
    return refuse(`PostgreSQL's own slot synchronisation keeps ${slot}`);
  }
  const state = event === undefined || event.op === 'drop' ? undefined : event.state;
  if (event === undefined || state === undefined) {
    return refuse(`the primary has no slot ${slot}, as far as this server has replayed`);
  }
  if (owned?.lineage === manifest.lineage && sameIncarnation(owned.incarnation, event.incarnation)) {
    return { kind: 'owned' };
  }
  if (!sameIdentity(local, state)) {
    return refuse(
      `${slot} has another plugin, database or two_phase here than on the primary: drop it, and slotcast makes it anew`,
    );
  }
  if (isInvalidated(local)) {
    return refuse(`${slot} is invalidated on this server: drop it, and slotcast makes it anew`);
  }
  const { confirmedFlushLsn } = local;
  if (confirmedFlushLsn === undefined) {
    return refuse(`${slot} is in the making on this server: try again when it is there`);
  }
  if (judgePlace(local, { furthest, recorded: undefined }).kind !== 'sound') {
    const there = furthest === undefined ? 'nothing' : formatLsn(furthest);
    return refuse(
      `${slot} stands at ${formatLsn(confirmedFlushLsn)} here, and its subscriber on the primary has confirmed ${there}: changes between would be skipped. Adopt it when the subscriber has passed that position, or drop it`,
    );
  }
  if (local.active) {
    return refuse(
      `another program uses ${slot} on this server: end that first (pg_replication_slots has its active_pid)`,
    );
  }
  const { incarnation } = event;
  const { lineage } = manifest;
  if (local.twoPhase && !needsNoMore(local, state)) {
    return refuse(
      `${slot} needs catalog rows that the primary's slot needs no more, and that may not have been held back for it: drop it, and slotcast makes it anew`,
    );
  }
  // Like one that was just made, one with two_phase is safe only when nothing is open that was prepared before it; and whatever others
  // have made is not known to have been pinned.
  const ownership = { incarnation, lineage, proven: false, highestLsn: confirmedFlushLsn };
  return { kind: 'adopt', ownership };
}

/** Such a slot keeps WAL from where it stands, whoever made it: nothing speaks against it but that somebody else uses it. */
function judgePhysical({
  slot,
  local,
  event,
  manifest,
  owned,
  isCarried,
}: Pick<Parameters<typeof judgeAdoption>[0], 'slot' | 'event' | 'manifest' | 'owned' | 'isCarried'> & {
  readonly local: LocalPhysicalSlot;
}): AdoptionVerdict {
  const state = event === undefined || event.op === 'drop' ? undefined : event.state;
  if (event === undefined || state?.type !== 'physical') {
    const there = state === undefined ? 'has no such slot' : 'has a logical one of that name';
    return refuse(
      `${slot} is a physical slot on this server, and the primary ${there}, as far as is replayed here`,
    );
  }
  if (!isCarried(state)) {
    return refuse(
      `no copy of ${slot} is kept here: SLOTCAST_SLOTS does not select it (type:physical), or this standby streams through it`,
    );
  }
  const { incarnation } = event;
  const { lineage } = manifest;
  if (
    owned?.physical === true &&
    owned.lineage === lineage &&
    sameIncarnation(owned.incarnation, incarnation)
  ) {
    return { kind: 'owned' };
  }
  if (isInvalidated(local)) {
    return refuse(`${slot} is invalidated on this server: drop it, and slotcast makes it anew`);
  }
  if (local.active || local.restartLsn === undefined) {
    return refuse(
      `another program uses ${slot} on this server: end that first (pg_replication_slots has its active_pid)`,
    );
  }
  return { kind: 'adopt', ownership: { incarnation, lineage, proven: true, physical: true } };
}

function refuse(reason: string): AdoptionVerdict {
  return { kind: 'refuse', reason };
}
