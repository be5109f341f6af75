import {
  type Incarnation,
  type Manifest,
  type OrphanedSlot,
  sameIncarnation,
} from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';

const none: readonly OrphanedSlot[] = [];

/** All that the manifest says are orphaned. */
export function orphansOf(manifest: Manifest | undefined): readonly OrphanedSlot[] {
  return manifest?.orphans ?? none;
}

/** What a list of orphaned slots says of one incarnation, whatever the name that its copy has. `undefined`: it is none. */
export function findOrphan(
  orphans: readonly OrphanedSlot[],
  incarnation: Incarnation,
): OrphanedSlot | undefined {
  return orphans.find((orphan) => sameIncarnation(orphan.incarnation, incarnation));
}

/** The slots of a manifest of which copies may be kept: those that are live, and those that are orphaned. */
export function keptNames(manifest: Manifest | undefined): ReadonlySet<SlotName> {
  return new Set([...(manifest?.slots ?? []), ...orphansOf(manifest)].map(({ name }) => name));
}
