import { type EndedRecovery, RecoveryGuard } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import {
  connectPostgres,
  logStandbySnapshot,
  type PostgresConnection,
  type PostgresOptions,
  RecoveryWatch,
  type WatchedRecovery,
} from '@slotcast/postgres';
import {
  type PostgresMajor,
  type PostgresServer,
  type PostgresSettings,
  startPrimary,
  waitUntil,
} from '@slotcast/testkit';

/** Name of the least-privileged role, made by `createRole` of the test kit. */
export const ROLE = 'slotcast';
/** The same with EXECUTE on pg_switch_wal(). */
export const SWITCHER = 'switcher';

export function optionsFor(server: PostgresServer, more: Partial<PostgresOptions> = {}): PostgresOptions {
  return { url: server.url('postgres', ROLE), applicationName: 'slotcast-test', ...more };
}

/** A standby that is about to be promoted, and its primary. */
export class Pair {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;

  private constructor(primary: PostgresServer, standby: PostgresServer) {
    this.primary = primary;
    this.standby = standby;
  }

  static async start(major: PostgresMajor, settings: PostgresSettings = {}): Promise<Pair> {
    const primary = await startPrimary({ major, settings });
    try {
      await primary.createRole(ROLE);
      await primary.createRole(SWITCHER);
      await primary.query(`grant execute on function pg_switch_wal() to ${SWITCHER}`);
      await primary.query('create table numbered (id int)');
      const standby = await primary.addStandby({ name: 's1', settings });
      return new Pair(primary, standby);
    } catch (error) {
      await primary[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Stops the primary and promotes the standby; returns what was seen of its recovery last. */
  async promote(mode: Parameters<PostgresServer['stop']>[0] = 'fast'): Promise<WatchedRecovery> {
    await this.primary.stop(mode);
    const connection = await connectPostgres(optionsFor(this.standby));
    try {
      const seen = await new RecoveryWatch(connection).look();
      await this.standby.promote();
      return seen;
    } finally {
      await connection.close();
    }
  }

  /** Connects to the standby. */
  async connect(role = ROLE): Promise<PostgresConnection> {
    return await connectPostgres(optionsFor(this.standby, { url: this.standby.url('postgres', role) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.primary[Symbol.asyncDispose]();
  }
}

/** What a guard sees of the end of a recovery that `promote` brings about while it watches. */
export async function watchEnd(
  options: Pick<ConstructorParameters<typeof RecoveryGuard>[0], 'postgres' | 'onDivergence' | 'line'>,
  promote: () => Promise<void>,
): Promise<EndedRecovery> {
  const guard = new RecoveryGuard({
    ...options,
    onEnd: () => Promise.resolve(true),
    onPrimary: () => Promise.resolve(),
    report: () => undefined,
    clock: systemClock,
    logger: createLogger({ level: 'silent', fields: {} }),
  });
  const stop = new AbortController();
  const watching = guard.run(stop.signal);
  try {
    await promote();
    return await waitUntil(() => guard.ended, { describe: 'the guard to see the end of recovery' });
  } finally {
    stop.abort();
    await watching;
  }
}

/** A slot of the standby, as the consumer would have made it. */
export async function createSlots(pair: Pair, names: readonly string[]): Promise<void> {
  const connection = await connectPostgres(optionsFor(pair.primary));
  try {
    for (const name of names) {
      const created = pair.standby.query(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`);
      await pair.standby.waitFor(
        `select from pg_replication_slots where slot_name = '${name}'`,
        (rows) => rows.length === 1,
      );
      await logStandbySnapshot(connection);
      await pair.primary.query("select pg_logical_emit_message(true, 'test', '')");
      await created;
    }
  } finally {
    await connection.close();
  }
}

/** Waits until the guard of a test has come to its second look, so that it has seen the server in recovery. One look has up to three starts: to parse, to bind, to execute. */
export async function untilSeen(standby: PostgresServer): Promise<void> {
  const starts = new Set<string>();
  await standby.waitFor<{ started: string }>(
    `select query_start::text as started from pg_stat_activity
      where application_name = 'guard' and state = 'active' and query like '%recursive look%'`,
    (rows) => {
      rows.forEach(({ started }) => starts.add(started));
      return starts.size > 3;
    },
  );
}
