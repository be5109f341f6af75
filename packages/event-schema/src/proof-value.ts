import type { ProofRecord, SpanDigest } from '@slotcast/domain';
import { toLong, toTimestamp } from './avro-number.ts';
import type { FieldReader } from './field-reader.ts';

/** First byte of the digest: what the record of a proof is. */
const kinds = { question: 1, answer: 2, proven: 3 } as const;

const ID_OFFSET = 1;
const HEAD_BYTES = 9;
/** span 2, transactions 4, changes 4, digest 8. */
const SPAN_BYTES = 18;

/** What is said of proofs as fields of `io.slotcast.Proof`. Throws a RangeError on numbers that do not fit. */
export function proofFields(proof: ProofRecord): object {
  const { time, fromLsn, toLsn } = proof;
  return {
    at: toTimestamp('at', time),
    from_lsn: fromLsn,
    to_lsn: toLsn,
    transactions: toLong('transactions', transactionsOf(proof)),
    digest: digestBytes(proof),
  };
}

function transactionsOf(proof: ProofRecord): number {
  switch (proof.kind) {
    case 'question':
      return 0;
    case 'answer':
      return proof.spans.reduce((sum, { transactions }) => sum + transactions, 0);
    case 'proven':
      return proof.transactions;
  }
}

function digestBytes(proof: ProofRecord): Buffer {
  const spans = proof.kind === 'answer' ? proof.spans : [];
  const bytes = Buffer.alloc(HEAD_BYTES + spans.length * SPAN_BYTES);
  bytes.writeUInt8(kinds[proof.kind], 0);
  bytes.writeBigUInt64BE(proof.kind === 'proven' ? BigInt(proof.changes) : proof.id, ID_OFFSET);
  spans.forEach((each, index) => writeSpan(bytes, HEAD_BYTES + index * SPAN_BYTES, each));
  return bytes;
}

function writeSpan(bytes: Buffer, at: number, { span, transactions, changes, digest }: SpanDigest): void {
  bytes.writeUInt16BE(span, at);
  bytes.writeUInt32BE(transactions, at + 2);
  bytes.writeUInt32BE(changes, at + 6);
  bytes.writeBigUInt64BE(digest, at + 10);
}

/** Reads what `proofFields` wrote; nothing where there is none, or one of a kind that a later version has. */
export function readProof(fields: FieldReader | undefined): ProofRecord | undefined {
  if (fields === undefined) {
    return undefined;
  }
  const bytes = fields.bytes('digest');
  if (bytes.length < HEAD_BYTES) {
    return undefined;
  }
  const stretch = {
    time: fields.integer('at'),
    fromLsn: fields.position('from_lsn'),
    toLsn: fields.position('to_lsn'),
  };
  const number = bytes.readBigUInt64BE(ID_OFFSET);
  switch (bytes.readUInt8(0)) {
    case kinds.question:
      return { kind: 'question', id: number, ...stretch };
    case kinds.answer:
      return { kind: 'answer', id: number, ...stretch, spans: readSpans(bytes.subarray(HEAD_BYTES)) };
    case kinds.proven:
      return {
        kind: 'proven',
        ...stretch,
        transactions: fields.integer('transactions'),
        changes: Number(number),
      };
    default:
      return undefined;
  }
}

function readSpans(bytes: Buffer): readonly SpanDigest[] {
  const spans: SpanDigest[] = [];
  for (let at = 0; at + SPAN_BYTES <= bytes.length; at += SPAN_BYTES) {
    spans.push({
      span: bytes.readUInt16BE(at),
      transactions: bytes.readUInt32BE(at + 2),
      changes: bytes.readUInt32BE(at + 6),
      digest: bytes.readBigUInt64BE(at + 10),
    });
  }
  return spans;
}
