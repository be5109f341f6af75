import {
  connectPostgres,
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
  async promote(): Promise<WatchedRecovery> {
    await this.primary.stop();
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
