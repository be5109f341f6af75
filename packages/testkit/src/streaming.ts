import type { PostgresServer } from './postgres-server.ts';

/** The timeline that a server writes, or as a standby receives; `undefined` for a standby that receives nothing. */
async function timelineOf(server: PostgresServer): Promise<number | undefined> {
  const [row] = await server.query<{ timeline: number | null }>(
    `select case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver)
                 else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline`,
  );
  return row?.timeline ?? undefined;
}

/** Waits until `standby` streams the timeline of `upstream`. Throws with the end of the standby's log when it does not. */
export async function waitForStreaming(
  standby: PostgresServer,
  upstream: PostgresServer,
  timeoutMs: number,
): Promise<void> {
  const timeline = await timelineOf(upstream);
  try {
    // A server with WAL of its own may stream the shared start of its last segment, but never gets to the new timeline.
    await standby.waitFor<{ streams: boolean }>(
      `select exists (select from pg_stat_wal_receiver where status = 'streaming' and sender_port = ${upstream.port}
                         and received_tli = ${timeline ?? 'received_tli'}) as streams`,
      ([row]) => row?.streams === true,
      timeoutMs,
    );
  } catch (cause) {
    const log = await standby.log();
    throw new Error(
      `${standby.name} does not stream from ${upstream.name}; its log ends with:\n${log.slice(-2000)}`,
      { cause },
    );
  }
}
