import { HAND_OFF_LEASE_MS, HAND_OFF_RECORD_MS } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { EndedRecovery } from './ended-recovery.ts';
import type { FirstProof } from './hand-off-lease.ts';
import type { PromotedSession } from './promoted-session.ts';

/**
 * The first steps need no Kafka, which may be down with the primary. The server shows that this process is the only one, by the lock that it has held since before
 * the promotion: whoever takes over finds it free, or ends its session. Where that cannot be, because the role is another one, it
 * waits for as long as this counts.
 */
export function firstProofOf(
  { directory, slotsBefore, lock, signal }: PromotedSession,
  ended: EndedRecovery | undefined,
): FirstProof | undefined {
  const isKnown = slotsBefore !== undefined && directory.own?.role === 'standby';
  if (lock === undefined || ended === undefined || !isKnown) {
    return undefined;
  }
  const untilMs = ended.recoveringAtMs + HAND_OFF_RECORD_MS - HAND_OFF_LEASE_MS;
  return { untilMs, holds: () => lock.isHeld(signal) };
}

/** Commits the record of the node as it is: whoever was fenced cannot. */
export async function prove({ directory, writer }: PromotedSession, clock: Clock): Promise<void> {
  const { own } = directory;
  if (own === undefined) {
    throw new Error(
      'this node has no record yet by which to show that no other process hands its slots over',
    );
  }
  const time = clock.now();
  await directory.write(writer, { node: { ...own, time }, time });
}
