import { type Lsn, type Timeline, type TimelineHistory, timeline } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { silenceLog } from '../connection/session-settings.ts';
import { isInRecovery } from './recovery.ts';
import { identifySystem, readTimelineHistory } from './server-identity.ts';

/** Which line of descent a standby replays, asked of its walsender no more often than it can have changed. */
export class ReplayedHistory {
  readonly #connection: PostgresConnection;
  readonly #replication: PostgresConnection;
  #known: { readonly history: TimelineHistory; readonly replayLsn: Lsn } | undefined;

  private constructor(connection: PostgresConnection, replication: PostgresConnection) {
    this.#connection = connection;
    this.#replication = replication;
  }

  /** `replication`: a connection with `replication: true` to the same server, whose commands are kept out of the server's log. */
  static async of(
    connection: PostgresConnection,
    replication: PostgresConnection,
    signal?: AbortSignal,
  ): Promise<ReplayedHistory> {
    await silenceLog(replication, signal);
    return new ReplayedHistory(connection, replication);
  }

  /** As it was asked for last. */
  get last(): TimelineHistory | undefined {
    return this.#known?.history;
  }

  /**
   * A history on which `replayLsn` lies, which was read on this connection before; `undefined` once the server has left recovery.
   *
   * Replay begins another timeline with a record on it, so a position that has not moved is still on the same one. And it cannot be
   * ahead of the WAL receiver: while that is streaming, replay reads what it has received and nothing else; before anything is taken from the
   * archive or from pg_wal, where a newer timeline may lie, it is stopped (`WaitForWALToBecomeAvailable`), and it is never asked to
   * stream an older timeline than that of the last file read. So if it streams the known timeline now, everything up to a position
   * read before was of that timeline or an older one; and replay never goes back to an older one. A receiver that waits proves nothing: from
   * that state replay goes to the archive without ending it.
   */
  async at(replayLsn: Lsn, signal?: AbortSignal): Promise<TimelineHistory | undefined> {
    const known = this.#known;
    if (known !== undefined && (await this.#isUnchanged(known, replayLsn, signal))) {
      this.#known = { history: known.history, replayLsn };
      return known.history;
    }
    // Replay only moves on, so a position that was read before lies on the history of this timeline.
    const { timeline: current } = await identifySystem(this.#replication, signal);
    if (known?.history.timeline === current) {
      this.#known = { history: known.history, replayLsn };
      return known.history;
    }
    // A server that was promoted in this moment shows its new timeline, too, on which the events that matter now do not lie.
    if (!(await isInRecovery(this.#connection, signal))) {
      return undefined;
    }
    const history = await readTimelineHistory(this.#replication, current, signal);
    this.#known = { history, replayLsn };
    return history;
  }

  async #isUnchanged(
    known: { readonly history: TimelineHistory; readonly replayLsn: Lsn },
    replayLsn: Lsn,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    return (
      known.replayLsn === replayLsn ||
      (await streamedTimeline(this.#connection, signal)) === known.history.timeline
    );
  }
}

/** The timeline that the WAL receiver streams; absent while it does not, and to a role without pg_monitor. */
async function streamedTimeline(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<Timeline | undefined> {
  const text = `select received_tli from pg_stat_wal_receiver where status = 'streaming'`;
  const [row] = await connection.run<{ readonly received_tli: number }>(
    { name: 'slotcast_streamed_timeline', text },
    { signal },
  );
  return row === undefined ? undefined : timeline(row.received_tli);
}
