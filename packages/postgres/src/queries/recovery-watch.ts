import { type Lsn, type SeenReceiver, timeline } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { optionalLsn } from './wal-position.ts';

/** What a watch over a server's recovery saw. */
export interface WatchedRecovery {
  readonly inRecovery: boolean;
  /** Up to here WAL had been replayed when the watch began. */
  readonly replayLsn: Lsn | undefined;
  /** The next transaction id, 32 bits, when the watch began. To be compared for equality only. */
  readonly nextXid: number;
  /**
   * Transactions that had not ended when the watch began, as `xid8` text: some of them may be prepared. Empty where no transaction can be
   * prepared; absent when too many would have to be looked at.
   */
  readonly openXids: readonly string[] | undefined;
  /** The WAL receiver when the watch began; absent while it did not stream, and where the role may not see it. */
  readonly receiver: SeenReceiver | undefined;
}

interface WatchRow {
  readonly recovering: boolean;
  readonly replay_lsn: string | null;
  readonly next_xid: number;
  readonly scanned_to: string;
  readonly open_xids: readonly string[] | null;
  readonly receiver: ReceiverRow | null;
}

interface ReceiverRow {
  readonly process_id: number;
  readonly timeline: number;
  readonly message_at?: string | null;
  readonly told_end?: string | null;
}

/** What the last scan of transaction ids showed. */
interface XidScan {
  /** The first id, in 64 bits, that was not looked at. */
  readonly to: string;
  readonly open: readonly string[];
}

const NOTHING_SCANNED: XidScan = { to: '0', open: [] };

/** How often the server looks, and how many times one statement does: long ones would hold back vacuum by their snapshot. */
const NAP_SECONDS = 0.005;
const LOOKS = 16;
/** How many transactions are looked at in one statement: a few milliseconds' work. */
const MAX_XIDS = 10_000;

/**
 * In recovery neither `pg_prepared_xacts` nor the ids in `pg_current_snapshot()` show open transactions, but `pg_xact_status` does, for
 * each id from the oldest open one on. The next id has 64 bits by the distance of its 32 bits from those of the oldest.
 *
 * Only ids that are new since the last scan are looked at, and those that were open then ($1; $2 is where it ended). That finds the same
 * as a scan from the oldest on: a transaction that has ended never becomes open again, and one that was not looked at yet has a newer id.
 * An id counts as open from the moment in which it is below the next one, because replay makes it known as assigned with the gap before it
 * (`RecordKnownAssignedTransactionIds`), and until then it is newer than all that have ended (`latestCompletedXid`), which `pg_xact_status` takes
 * for open. So the scan of a look is as new as the look itself, and the rule that rests on it holds: with the same next id no transaction has
 * begun since, and all that were open then are in the list.
 */
const SCAN = `
  select next::text as scanned_to,
         case when current_setting('max_prepared_transactions') = '0' then '{}'::text[]
              when next - first + cardinality($1::text[]) <= ${MAX_XIDS} then array(
                select xid::text
                  from (select unnest($1::text[])::bigint union all select generate_series(first, next - 1)) as ids (xid)
                 where xid >= oldest and pg_xact_status(xid::text::xid8) = 'in progress') end as open_xids
    from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest) as snapshot,
         lateral (select oldest + ((age('3'::xid)::bigint + 3 - oldest) & 4294967295) as next) as following,
         lateral (select greatest(oldest, $2::bigint) as first) as unseen`;

/**
 * Watches for the end of recovery on the server's side, over one session: what it knows of transactions is of the server process that it
 * is connected to, which may have begun again before that point after a restart.
 */
export class RecoveryWatch {
  readonly #connection: PostgresConnection;
  #scan = NOTHING_SCANNED;

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  /**
   * Resolves within 5 ms of the end of recovery, and after about 80 ms in any case; on a primary at once. `age()` tells how far an id is
   * from the next one to be assigned, the same one throughout a statement (`GetStableLatestTransactionId`), and in recovery that is the
   * next one by the WAL replayed so far.
   */
  async look(signal?: AbortSignal): Promise<WatchedRecovery> {
    const text = `
      with recursive look (n, recovering, replay_lsn, next_xid, scanned_to, open_xids, receiver) as (
        select 1, pg_is_in_recovery(), pg_last_wal_replay_lsn()::text, age('3'::xid), scanned_to, open_xids,
               (select jsonb_build_object('process_id', pid, 'timeline', received_tli,
                                          'message_at', last_msg_receipt_time, 'told_end', latest_end_lsn)
                  from pg_stat_wal_receiver where status = 'streaming')
          from (${SCAN}) as scan
         union all
        select n + 1, pg_is_in_recovery(), replay_lsn, next_xid, scanned_to, open_xids, receiver
          from look, lateral (select pg_sleep(${NAP_SECONDS} + 0 * n)) as nap
         where recovering and n < ${LOOKS})
      select recovering, replay_lsn, next_xid, scanned_to, open_xids, receiver from look order by n desc limit 1`;
    const values = [this.#scan.open, this.#scan.to];
    const [row] = await this.#connection.run<WatchRow>(
      { name: 'slotcast_watch_recovery', text, values },
      { signal },
    );
    if (row === undefined) {
      throw new Error('watching the recovery returned no row');
    }
    const open = row.open_xids ?? undefined;
    this.#scan = open === undefined ? NOTHING_SCANNED : { to: row.scanned_to, open };
    return {
      inRecovery: row.recovering,
      replayLsn: optionalLsn(row.replay_lsn),
      nextXid: row.next_xid,
      openXids: open,
      receiver: row.receiver === null ? undefined : receiverOf(row.receiver),
    };
  }
}

function receiverOf(row: ReceiverRow): SeenReceiver {
  return {
    processId: row.process_id,
    timeline: timeline(row.timeline),
    messageAt: row.message_at ?? undefined,
    toldEnd: optionalLsn(row.told_end ?? null),
  };
}
