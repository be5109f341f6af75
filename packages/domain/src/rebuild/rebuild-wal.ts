import { reason } from '../reasons/reason.ts';
import type { RebuildVerdict } from './rebuild-plan.ts';

/** What was found of the WAL that a slot needs. */
export interface WalAtHand {
  /** Names of the WAL files that are nowhere, oldest first. */
  readonly missing: readonly string[];
  /** Whether transactions were open where the slot starts; `unknown` where the record there does not tell. */
  readonly open: 'none' | 'some' | 'unknown';
}

/**
 * Judges a slot by its WAL. A slot starts to decode at restart_lsn: either it finds there the state of decoding, or nothing was open there. In any other case it loses what was committed by
 * transactions that were open, and no server says so.
 */
export function judgeWal(verdict: RebuildVerdict, wal: WalAtHand): RebuildVerdict {
  if (!('installation' in verdict)) {
    return verdict;
  }
  const { slot, event, installation } = verdict;
  const [file] = wal.missing;
  if (file !== undefined) {
    const count = wal.missing.length;
    return { kind: 'skip', slot, event, reason: reason('rebuild_wal_missing', { file, count }) };
  }
  const { restartLsn: position, snapshot } = installation;
  if (hasSnapshot(snapshot) || wal.open === 'none') {
    return verdict;
  }
  return { kind: 'skip', slot, event, reason: reason('rebuild_open_transactions', { position }) };
}

/**
 * Whether there is a state of decoding to start with. That the primary itself has none where the slot starts (`NO_SNAPSHOT`) proves nothing: it may have begun by the state that another slot
 * left a little further on, which the other server does not have.
 */
export function hasSnapshot(snapshot: Uint8Array | undefined): snapshot is Uint8Array {
  return snapshot !== undefined && snapshot.length > 0;
}

/** Reasons for which a slot is left out that nobody misses on this server. */
const EXPECTED: ReadonlySet<string> = new Set([
  'rebuild_unwanted',
  'rebuild_physical',
  'rebuild_orphaned',
  'rebuild_dropped',
]);

/** Whether a slot that was wanted is not there afterwards. */
export function isShort(verdict: RebuildVerdict): boolean {
  return verdict.kind === 'skip' && !EXPECTED.has(verdict.reason.code);
}
