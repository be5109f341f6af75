import type { Lsn } from './lsn.ts';

/** What a slot delivers in one span of WAL: enough to see that two slots deliver the same, and no row of it. */
export interface SpanDigest {
  /** Number of the span, from 0 on. */
  readonly span: number;
  /** Transactions that were committed in it, and have changes. */
  readonly transactions: number;
  readonly changes: number;
  /** Unsigned 64-bit number made of each change with its position. */
  readonly digest: bigint;
}

/** A stretch of WAL. */
interface Stretch {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
}

/** A consumer asks what the slot on the primary delivers: of commits beyond `fromLsn`, up to `toLsn` at most. */
export interface ProofQuestion extends Stretch {
  readonly kind: 'question';
  /** Random unsigned 64-bit number, which the answer repeats. */
  readonly id: bigint;
  /** Milliseconds since 1970, as in all of them. */
  readonly time: number;
}

/** A publisher answers: what a copy of the slot on the primary delivers there. Without spans it found nothing, or the record has the reason why it could not look. */
export interface ProofAnswer extends Stretch {
  readonly kind: 'answer';
  readonly id: bigint;
  readonly time: number;
  readonly spans: readonly SpanDigest[];
}

/** The copy on a standby was seen to deliver what the slot on the primary does. */
export interface SlotProof extends Stretch {
  readonly kind: 'proven';
  readonly time: number;
  readonly transactions: number;
  readonly changes: number;
}

/** What the record of a slot on a node has of proofs. */
export type ProofRecord = ProofQuestion | ProofAnswer | SlotProof;
