import { type OrphanedSlot, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { changedSlot, type PublishedSlots, type SlotChange } from './slot-diff.ts';

/** A list of orphaned slots, and who or what gives some of them up. */
export interface ForgetInput {
  readonly orphans: readonly OrphanedSlot[];
  readonly published: PublishedSlots;
  /** Names of which a person said that what is orphaned is to go. */
  readonly asked: ReadonlySet<SlotName>;
  /** How long an orphaned slot is kept, in milliseconds; absent: for ever. */
  readonly retentionMs: number | undefined;
  /** How long it was seen to be orphaned, in milliseconds; not by the clock that wrote `since`, which may be another one. */
  readonly ageMs: (orphan: OrphanedSlot) => number;
  /** What else is published now: a slot that changes waits for the next time. */
  readonly changes: readonly SlotChange[];
}

/** What is given up, and the changes by which all nodes learn of it. */
export interface Forgotten {
  readonly orphans: readonly OrphanedSlot[];
  readonly changes: readonly SlotChange[];
}

/**
 * Gives up orphaned slots: those that a person names, and those that were seen to be orphaned for as long as the retention says. Where the topic has still an event of one, that is dropped; a slot
 * that has its name now stays.
 */
export function forgetOrphans(input: ForgetInput): Forgotten {
  const { orphans, published, asked, retentionMs, ageMs } = input;
  const isOld = (orphan: OrphanedSlot): boolean => retentionMs !== undefined && ageMs(orphan) >= retentionMs;
  const due = orphans.filter((orphan) => asked.has(orphan.name) || isOld(orphan));
  if (due.length === 0) {
    return { orphans: [], changes: [] };
  }
  const changing = new Set(input.changes.map(changedSlot));
  const given = due.filter(({ name }) => !changing.has(name));
  return {
    orphans: given,
    changes: given.map((orphan): SlotChange => {
      const newest = published.get(orphan.name);
      return newest !== undefined && sameIncarnation(newest.incarnation, orphan.incarnation)
        ? { kind: 'drop', previous: newest.state, incarnation: orphan.incarnation }
        : { kind: 'forget', name: orphan.name, incarnation: orphan.incarnation };
    }),
  };
}
