import { formatLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type Manifest, type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, type LocalSlot, sameIdentity } from '../vocabulary/slot-state.ts';

/** Whether a slot that slotcast did not make may become its own; a refusal says why and what to do instead. */
export type AdoptionVerdict =
  | { readonly kind: 'adopt'; readonly ownership: Ownership }
  | { readonly kind: 'owned' }
  | { readonly kind: 'refuse'; readonly reason: string };

/**
 * Judges the adoption of a slot on a standby. It has to be the same kind of slot as the primary's, and must not stand past what the
 * primary's consumer has confirmed: it would skip the changes between. `event` is the newest one that replay has reached.
 */
export function judgeAdoption(input: {
  readonly slot: SlotName;
  readonly local: LocalSlot | undefined;
  readonly event: SlotEvent | undefined;
  readonly manifest: Manifest;
  readonly owned: Ownership | undefined;
}): AdoptionVerdict {
  const { slot, local, event, manifest, owned } = input;
  if (local === undefined || local.temporary) {
    return refuse(`there is no slot ${slot} on this server`);
  }
  if (local.type !== 'logical') {
    return refuse(`${slot} is a physical slot on this server: rename one of the two`);
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
  if (state.confirmedFlushLsn === undefined || confirmedFlushLsn > state.confirmedFlushLsn) {
    const there = state.confirmedFlushLsn === undefined ? 'nothing' : formatLsn(state.confirmedFlushLsn);
    return refuse(
      `${slot} stands at ${formatLsn(confirmedFlushLsn)} here, and its consumer on the primary has confirmed ${there}: changes between would be skipped. Adopt it when the consumer has passed that position, or drop it`,
    );
  }
  const ownership = { incarnation: event.incarnation, lineage: manifest.lineage, proven: true };
  return { kind: 'adopt', ownership };
}

function refuse(reason: string): AdoptionVerdict {
  return { kind: 'refuse', reason };
}
