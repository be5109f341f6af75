import { formatLsn, type Lsn, parseLsn, proofPlugin, type SlotName, type SpanDigest } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { PostgresConnectionError } from '../connection/connection-error.ts';
import { classifyPostgresError, isMissingWal, routineOf } from '../connection/postgres-error.ts';
import { nameUnlessPromoted, PromotedServerError } from './promoted-server.ts';
import { requiredLsn } from './wal-position.ts';

/**
 * Has the server end a statement of the session, and the session while it does nothing, after so long: its temporary slot holds WAL, also for a process that was
 * frozen.
 */
export async function limitProof(
  connection: PostgresConnection,
  { statementMs, idleMs }: { readonly statementMs: number; readonly idleMs: number },
  signal?: AbortSignal,
): Promise<void> {
  const text = `select set_config('statement_timeout', $1, false), set_config('idle_session_timeout', $2, false)`;
  await connection.run({ text, values: [String(statementMs), String(idleMs)] }, { signal });
}

/** Up to where a primary has flushed its WAL, which is how far a slot on it can be decoded. */
export async function readFlushLsn(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  const [row] = await connection.run<{ readonly lsn: string | null }>(
    { text: 'select pg_current_wal_flush_lsn() as lsn' },
    { signal },
  );
  return requiredLsn(row?.lsn ?? null, 'pg_current_wal_flush_lsn()');
}

/** Raised by what finds data or WAL that it cannot make sense of. */
const CORRUPTED = ['XX001', 'XX002'];
const INTERNAL = 'XX000';
/**
 * Functions whose internal errors say nothing of the slot: the copying, where the slot was made anew meanwhile; memory; and files that could not be read or written, for an error of the
 * system that has no code of its own, among them those that decoding puts aside.
 */
const NOT_OF_SLOT =
  /^(copy_replication_slot|WALReadRaiseError|ReorderBuffer(Serialize|Restore)\w*|\w*[Aa]lloc\w*|MemoryContext\w*)$/;

/**
 * What an error of copying a slot or of decoding the copy says of the slot: WAL that it needs is missing, it is faulty, or nothing. Only what is known to be of the slot counts as that: whatever else
 * goes wrong is of the session, of the server's means or of its configuration, and a copy that is good would be taken for a wrong one.
 */
export function judgeReading(error: unknown): 'missing_wal' | 'faulty' | 'passing' {
  if (isMissingWal(error)) {
    return 'missing_wal';
  }
  if (error instanceof PostgresConnectionError) {
    return 'passing';
  }
  const { class: kind, code = '' } = classifyPostgresError(error);
  const isFaulty =
    CORRUPTED.includes(code) ||
    // It was invalidated, or reserves no WAL; where the server as a whole cannot decode, that is no word of it.
    (code === '55000' && kind === 'stale') ||
    (code === INTERNAL && kind === 'unexpected' && !NOT_OF_SLOT.test(routineOf(error)));
  return isFaulty ? 'faulty' : 'passing';
}

/** A temporary copy of a logical slot. */
export interface ProofCopy {
  readonly name: SlotName;
  readonly restartLsn: Lsn;
  readonly confirmedFlushLsn: Lsn;
}

interface CopyRow {
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
}

/**
 * Copies a logical slot to a temporary one with its positions, and leaves the slot itself alone. The copy ends with the session, which has to be one of the
 * slot's database. `onStandbyOnly`: rejects with a PromotedServerError, and makes nothing, on a server that is not in recovery.
 */
export async function copyForProof(
  connection: PostgresConnection,
  { source, copy, onStandbyOnly }: { source: SlotName; copy: SlotName; onStandbyOnly: boolean },
  signal?: AbortSignal,
): Promise<ProofCopy> {
  const name = onStandbyOnly ? nameUnlessPromoted('$2') : '$2';
  const text = `
    select made.lsn
      from pg_copy_logical_replication_slot($1, ${name}, temporary => true, plugin => $3) as made`;
  const [made] = await connection.run<{ lsn: string | null }>(
    { text, values: [source, copy, proofPlugin] },
    { signal },
  );
  if (typeof made?.lsn !== 'string') {
    throw new PromotedServerError([copy]);
  }
  const [row] = await connection.run<CopyRow>(
    {
      text: 'select restart_lsn, confirmed_flush_lsn from pg_replication_slots where slot_name = $1',
      values: [copy],
    },
    { signal },
  );
  const { restart_lsn: restartLsn, confirmed_flush_lsn: confirmedFlushLsn } = row ?? {};
  if (typeof restartLsn !== 'string' || typeof confirmedFlushLsn !== 'string') {
    throw new Error(`the temporary copy ${copy} of slot ${source} has no positions`);
  }
  return { name: copy, restartLsn: parseLsn(restartLsn), confirmedFlushLsn: parseLsn(confirmedFlushLsn) };
}

/** What a copy delivers. */
export interface SlotDigest {
  /** All commits lie beyond it. Absent when there is none. */
  readonly fromLsn: Lsn | undefined;
  readonly spans: readonly SpanDigest[];
}

interface SpanRow {
  readonly from_lsn: string;
  readonly span: number;
  readonly transactions: string;
  readonly changes: string;
  readonly digest: string;
}

/**
 * Decodes what the copy delivers of commits beyond `afterLsn`, up to `toLsn`, and folds it into `spans` spans of equal width; no row leaves the server. The width is that of `fromLsn` to `toLsn`, where
 * `fromLsn` is right before the first commit unless it is given. The copy does not move.
 *
 * A row of test_decoding counts with its position, so the order counts, too. The row `COMMIT` has the position of the end of the commit record. Messages outside of transactions are left out.
 * It ends at what is replayed (standby) or flushed (primary) in any case (`pg_logical_slot_get_changes_guts`).
 */
export async function digestCopy(
  connection: PostgresConnection,
  wanted: {
    readonly copy: SlotName;
    readonly afterLsn: Lsn;
    readonly fromLsn?: Lsn | undefined;
    readonly toLsn: Lsn;
    readonly spans: number;
  },
  signal?: AbortSignal,
): Promise<SlotDigest> {
  const text = `
    with changed as (
      select xid,
             max(lsn - '0/0'::pg_lsn) filter (where data = 'COMMIT') as commit,
             count(*) filter (where data not in ('BEGIN', 'COMMIT')) as changes,
             sum(hashtextextended(data, (lsn - '0/0'::pg_lsn)::int8)) as digest
        from pg_logical_slot_peek_changes($1, $2::pg_lsn, null, 'include-xids', 'off', 'include-timestamp', 'off', 'skip-empty-xacts', 'on')
             as decoded (lsn, xid, data)
       where xid::text <> '0'
       group by xid),
    wanted as (
      select *, coalesce($3::pg_lsn - '0/0'::pg_lsn, min(commit) over () - 1) as start, $2::pg_lsn - '0/0'::pg_lsn as stop
        from changed
       where commit > greatest($4::pg_lsn, $3::pg_lsn) - '0/0'::pg_lsn and commit <= $2::pg_lsn - '0/0'::pg_lsn)
    select '0/0'::pg_lsn + start as from_lsn,
           least(floor((commit - start - 1) * $5::int / (stop - start)), $5::int - 1)::int as span,
           count(*) as transactions, sum(changes)::int8 as changes, sum(digest)::text as digest
      from wanted
     group by start, span
     order by span`;
  const { copy, afterLsn, fromLsn, toLsn, spans } = wanted;
  const values = [
    copy,
    formatLsn(toLsn),
    fromLsn === undefined ? null : formatLsn(fromLsn),
    formatLsn(afterLsn),
    spans,
  ];
  const rows = await connection.run<SpanRow>({ text, values }, { signal });
  const [first] = rows;
  return {
    fromLsn: fromLsn ?? (first && parseLsn(first.from_lsn)),
    spans: rows.map((row) => ({
      span: row.span,
      transactions: Number(row.transactions),
      changes: Number(row.changes),
      digest: BigInt.asUintN(64, BigInt(row.digest)),
    })),
  };
}
