import {
  countDelivery,
  type Delivery,
  databaseOf,
  findAhead,
  findDifference,
  type LocalLogicalSlot,
  type Lsn,
  lsn,
  type NodeSlotStatus,
  PROOF_ANSWER_MS,
  PROOF_SPANS,
  type ProofAnswer,
  type ProofOutcome,
  type ProofResult,
  questionFrom,
  type Reason,
  reason,
  stretchTo,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import {
  describePostgresError,
  digestCopy,
  isPostgresError,
  judgeReading,
  type PostgresConnection,
  type PostgresOptions,
  PromotedServerError,
  type ProofCopy,
  readReplayLsn,
  withProofCopy,
} from '@slotcast/postgres';

/** This server may take so long to replay what the publisher has read. */
const REPLAY_MS = 20_000;
const REPLAY_LOOK_MS = 100;

/** What a publisher says of a slot. */
export interface HeardAnswer {
  readonly proof: ProofAnswer;
  readonly status: Pick<NodeSlotStatus, 'reasons' | 'confirmedFlushLsn'>;
}

export interface ProofSubject {
  readonly local: LocalLogicalSlot;
  /** The furthest position that the slot's subscriber was ever seen to confirm. */
  readonly furthest: Lsn | undefined;
  /** So much WAL is compared at most. */
  readonly bytes: bigint;
  readonly postgres: PostgresOptions;
  /** Asks the publisher; `undefined` when no answer came in time. */
  readonly ask: (stretch: { readonly fromLsn: Lsn; readonly toLsn: Lsn }) => Promise<HeardAnswer | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Compares what a copy on this standby delivers with what the slot on the primary does, both read through temporary copies. This one is made first, so that it stands nowhere beyond
 * the other unless something is wrong. Rejects with the signal's reason, and with errors that are not of the server.
 */
export async function proveSlot(subject: ProofSubject): Promise<ProofOutcome> {
  const { local, postgres, signal } = subject;
  const place = { postgres, database: databaseOf(local), source: local.name, onStandbyOnly: true, signal };
  try {
    return await withProofCopy(place, (connection, copy) => compare(subject, connection, copy));
  } catch (error) {
    signal.throwIfAborted();
    if (!isPostgresError(error) && !(error instanceof PromotedServerError)) {
      throw error;
    }
    return failed(subject, error);
  }
}

async function compare(
  subject: ProofSubject,
  connection: PostgresConnection,
  copy: ProofCopy,
): Promise<ProofOutcome> {
  const { ask, furthest, bytes } = subject;
  const here = copy.confirmedFlushLsn;
  const fromLsn = questionFrom({ here, furthest });
  const answer = await ask({ fromLsn, toLsn: lsn(fromLsn + bytes) });
  if (answer === undefined) {
    return outcome(subject, 'unknown', [reason('proof_unanswered', { seconds: PROOF_ANSWER_MS / 1000 })]);
  }
  const { proof, status } = answer;
  const there = status.confirmedFlushLsn;
  if (status.reasons.length > 0 || there === undefined) {
    const isOther = status.reasons.some(({ code }) => code === 'other_incarnation');
    return outcome(
      subject,
      isOther ? 'wrong' : 'unknown',
      isOther ? [reason('other_incarnation')] : status.reasons,
    );
  }
  const strayed = findAhead({ here, there, furthest });
  const read = await readHere(subject, { connection, copy, proof });
  if ('reason' in read) {
    return strayed === undefined
      ? outcome(subject, 'unknown', [read.reason])
      : outcome(subject, 'wrong', [strayed, read.reason]);
  }
  return judge(subject, { strayed, here: read, there: proof });
}

/** What the copy here delivers of the stretch that the publisher has read; or why it was not read. */
async function readHere(
  { bytes, clock, signal }: ProofSubject,
  { connection, copy, proof }: { connection: PostgresConnection; copy: ProofCopy; proof: ProofAnswer },
): Promise<Delivery | { readonly reason: Reason }> {
  const { restartLsn, name } = copy;
  const { fromLsn, toLsn } = proof;
  const stretch = stretchTo({ restartLsn, fromLsn, endLsn: toLsn, bytes });
  if ('tooLong' in stretch) {
    return { reason: stretch.tooLong };
  }
  const giveUpMs = clock.monotonicMs() + REPLAY_MS;
  for (;;) {
    const replayed = await readReplayLsn(connection, signal);
    if (replayed === undefined) {
      throw new PromotedServerError([name]);
    }
    if (replayed >= toLsn) {
      break;
    }
    if (clock.monotonicMs() >= giveUpMs) {
      return { reason: reason('proof_not_replayed', { position: toLsn, seconds: REPLAY_MS / 1000 }) };
    }
    await clock.sleep(REPLAY_LOOK_MS, signal);
  }
  const wanted = { copy: name, afterLsn: fromLsn, fromLsn, toLsn, spans: PROOF_SPANS };
  const { spans } = await digestCopy(connection, wanted, signal);
  return { fromLsn, toLsn, spans };
}

function judge(
  subject: ProofSubject,
  { strayed, here, there }: { strayed: Reason | undefined; here: Delivery; there: ProofAnswer },
): ProofOutcome {
  // What the publisher has found none of, it cannot be compared with: a commit that its subscriber has confirmed half of is delivered by one of the two.
  const difference = there.spans.length === 0 ? undefined : findDifference(here, there);
  const faults = [strayed, difference].filter((fault) => fault !== undefined);
  if (faults.length > 0) {
    return outcome(subject, 'wrong', faults);
  }
  if (there.spans.length === 0) {
    return outcome(subject, 'nothing', [reason('proof_nothing')]);
  }
  const { fromLsn, toLsn } = there;
  const compared = { time: subject.clock.now(), fromLsn, toLsn, ...countDelivery(there) };
  return { ...outcome(subject, 'proven', []), compared };
}

function failed(subject: ProofSubject, error: unknown): ProofOutcome {
  const said = describePostgresError(error);
  switch (judgeReading(error)) {
    case 'missing_wal':
      return outcome(subject, 'wrong', [reason('missing_wal')]);
    case 'faulty':
      return outcome(subject, 'wrong', [reason('proof_fails', { said })]);
    case 'passing':
      return outcome(subject, 'unknown', [reason('proof_interrupted', { said })]);
  }
}

function outcome({ local }: ProofSubject, result: ProofResult, reasons: readonly Reason[]): ProofOutcome {
  return { slot: local.name, result, reasons };
}
