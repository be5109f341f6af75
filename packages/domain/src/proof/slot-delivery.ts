import { reason } from '../reasons/reason.ts';
import { type Lsn, laterLsn, lsn, maxLsn, minLsn } from '../vocabulary/lsn.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { ProofQuestion, SlotProof, SpanDigest } from '../vocabulary/slot-proof.ts';

/**
 * `proven`: the copy delivers what the slot on the primary does. `wrong`: it does not, or cannot. `nothing`: no transaction to compare was written. `unknown`: it could not be
 * told.
 */
export const proofResults = ['proven', 'wrong', 'nothing', 'unknown'] as const;
export type ProofResult = (typeof proofResults)[number];

/** What came of comparing one copy with the slot on the primary. */
export interface ProofOutcome {
  readonly slot: SlotName;
  readonly result: ProofResult;
  /** Why it is not proven; none when it is. */
  readonly reasons: readonly Reason[];
  /** What was compared; absent where nothing was. */
  readonly compared?: Omit<SlotProof, 'kind'> | undefined;
}

/** Copies are read with it, whatever plugin the slot has: it shows all changes of all tables, needs no publication, and reads the same WAL by the same catalog. */
export const proofPlugin = 'test_decoding';

/** Into so many spans a stretch is folded: the digest of a stretch stays under 10 kB, and a difference is found to a 512th of it. */
export const PROOF_SPANS = 512;

/** So many times the stretch itself may be read before it, from restart_lsn on. */
const MOST_BEFORE = 4n;

const MEBIBYTE = 1024 * 1024;
/** So much WAL is compared for a slot at most, unless another size is asked for. */
export const DEFAULT_PROOF_BYTES = 64 * MEBIBYTE;
const LEAST_PROOF_BYTES = BigInt(MEBIBYTE);
const MOST_PROOF_BYTES = BigInt(1024 * MEBIBYTE);

/** True for what may be asked for. */
export function isProofSize(bytes: bigint): boolean {
  return bytes >= LEAST_PROOF_BYTES && bytes <= MOST_PROOF_BYTES;
}

/** What a slot delivers of the commits of a stretch, folded into `PROOF_SPANS` spans of it. */
export interface Delivery {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly spans: readonly SpanDigest[];
}

/** Where the slot on the primary and its copy stood when they were copied to be read, the standby's first. */
export interface DeliveryPlace {
  readonly here: Lsn;
  readonly there: Lsn;
  /** The furthest position that the subscriber was ever seen to confirm. */
  readonly furthest: Lsn | undefined;
}

/**
 * From where on the primary's side is asked: what the subscriber has confirmed is not delivered again by either. After a crash the slot on the primary may stand
 * further back than its subscriber has confirmed, and than its copy.
 */
export function questionFrom(place: Pick<DeliveryPlace, 'here' | 'furthest'>): Lsn {
  return place.furthest === undefined ? lsn(1n) : minLsn(place.here, place.furthest);
}

/**
 * Why the copy would skip changes by its position alone. It was looked at before the slot on the primary, which only moves on, unless its server crashed: beyond
 * what was ever confirmed, somebody else moved one of the two or made it anew.
 */
export function findAhead({ here, there, furthest }: DeliveryPlace): Reason | undefined {
  const allowed = laterLsn(there, furthest) ?? there;
  return here > allowed ? reason('strayed', { position: here, furthest: allowed }) : undefined;
}

/** How far is read: at most `bytes` beyond `fromLsn`. Or why not, where too much has to be read before. */
export function stretchTo(input: {
  readonly restartLsn: Lsn;
  readonly fromLsn: Lsn;
  readonly endLsn: Lsn;
  readonly bytes: bigint;
}): { readonly toLsn: Lsn } | { readonly tooLong: Reason } {
  const { restartLsn, fromLsn, endLsn, bytes } = input;
  const before = fromLsn - restartLsn;
  if (before > MOST_BEFORE * bytes) {
    return { tooLong: reason('proof_too_long', { bytes: before, limit: MOST_BEFORE * bytes }) };
  }
  return { toLsn: minLsn(endLsn, lsn(maxLsn(fromLsn, restartLsn) + bytes)) };
}

/** The stretch that a question asks for, in bytes; no more than may be asked for, whoever wrote it. */
export function askedBytes({ fromLsn, toLsn }: Pick<ProofQuestion, 'fromLsn' | 'toLsn'>): bigint {
  const bytes = toLsn - fromLsn;
  return bytes > MOST_PROOF_BYTES ? MOST_PROOF_BYTES : bytes;
}

/** Why the copy does not deliver what the slot on the primary does; absent where it does. Both are folded into the spans of one stretch. */
export function findDifference(here: Delivery, there: Delivery): Reason | undefined {
  const own = new Map(here.spans.map((each) => [each.span, each]));
  const other = new Map(there.spans.map((each) => [each.span, each]));
  const spans = [...new Set([...own.keys(), ...other.keys()])].toSorted((a, b) => a - b);
  const first = spans.find((span) => !sameSpan(own.get(span), other.get(span)));
  if (first === undefined) {
    return undefined;
  }
  const range = spanRange(there, first);
  const [mine, theirs] = [own.get(first), other.get(first)];
  return reason('proof_differs', {
    ...range,
    here: mine?.transactions ?? 0,
    here_changes: mine?.changes ?? 0,
    there: theirs?.transactions ?? 0,
    there_changes: theirs?.changes ?? 0,
  });
}

/** How much was compared. */
export function countDelivery({ spans }: Pick<Delivery, 'spans'>): {
  readonly transactions: number;
  readonly changes: number;
} {
  return {
    transactions: spans.reduce((sum, { transactions }) => sum + transactions, 0),
    changes: spans.reduce((sum, { changes }) => sum + changes, 0),
  };
}

function sameSpan(a: SpanDigest | undefined, b: SpanDigest | undefined): boolean {
  return a?.transactions === b?.transactions && a?.changes === b?.changes && a?.digest === b?.digest;
}

/** Where the commits of a span lie. */
function spanRange({ fromLsn, toLsn }: Delivery, span: number): { readonly from: Lsn; readonly to: Lsn } {
  const width = toLsn - fromLsn;
  const edge = (index: number): Lsn => lsn(fromLsn + (width * BigInt(index)) / BigInt(PROOF_SPANS));
  return { from: edge(span), to: minLsn(toLsn, lsn(edge(span + 1) + 1n)) };
}
