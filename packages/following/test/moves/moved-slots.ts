import { type Lsn, parseLsn, parseSlotName, type SlotAction, type SlotDatabase } from '@slotcast/domain';
import { DecodingBudget, Mover, SlotFailures } from '@slotcast/following';
import { type Clock, systemClock } from '@slotcast/kernel';
import { createConsumerMetrics, createLogger } from '@slotcast/observability';
import { DatabaseSessions, type PostgresOptions } from '@slotcast/postgres';
import {
  type PostgresMajor,
  type PostgresServer,
  type PostgresSettings,
  type RoleGrant,
  startPrimary,
} from '@slotcast/testkit';

export const ROLE = 'slotcast';
/** A role that lacks the right to keep the server's log quiet. */
export const LOUD_ROLE = 'loud';

type AdvanceAction = Extract<SlotAction, { kind: 'advance' }>;

export interface SlotPositions {
  readonly confirmed: Lsn;
  readonly restart: Lsn;
}

/** A standby with slots in two databases, which a mover is let loose on. */
export class MovedSlots {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  readonly #databases: ReadonlyMap<string, SlotDatabase>;

  private constructor(
    primary: PostgresServer,
    standby: PostgresServer,
    databases: ReadonlyMap<string, SlotDatabase>,
  ) {
    this.primary = primary;
    this.standby = standby;
    this.#databases = databases;
  }

  static async start(major: PostgresMajor, settings: PostgresSettings): Promise<MovedSlots> {
    const primary = await startPrimary({ major, settings });
    try {
      await primary.createRole(ROLE);
      await primary.createRole(LOUD_ROLE, { without: ['log_min_messages'] satisfies RoleGrant[] });
      await primary.query('create database shop');
      const standby = await primary.addStandby({ name: 's1', settings });
      const rows = await primary.query<{ name: string; oid: number }>(
        'select datname as name, oid::int from pg_database',
      );
      const databases = rows.map(({ name, oid }) => [name, { name, oid }] as const);
      return new MovedSlots(primary, standby, new Map(databases));
    } catch (error) {
      await primary[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes slots on the standby. */
  async create(database: string, slots: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, plugin] of Object.entries(slots)) {
      const made = this.standby.query(
        'select pg_create_logical_replication_slot($1, $2)',
        [name, plugin],
        database,
      );
      await this.standby.waitFor(
        `select from pg_replication_slots where slot_name = '${name}' and restart_lsn is not null`,
        (rows) => rows.length === 1,
      );
      await this.primary.query('select pg_log_standby_snapshot()');
      await this.write();
      await made;
    }
  }

  /** Writes some WAL, and waits until the standby has replayed it. */
  async write(): Promise<Lsn> {
    await this.primary.query("select pg_logical_emit_message(true, 'test', repeat('x', 100000))");
    return parseLsn(await this.primary.waitForReplay(this.standby));
  }

  async positions(name: string): Promise<SlotPositions> {
    const [row] = await this.standby.query<{ confirmed: string; restart: string }>(
      `select confirmed_flush_lsn::text as confirmed, restart_lsn::text as restart
         from pg_replication_slots where slot_name = $1`,
      [name],
    );
    return { confirmed: parseLsn(row?.confirmed ?? ''), restart: parseLsn(row?.restart ?? '') };
  }

  action(database: string, slot: string, plugin: string, goal: Lsn): AdvanceAction {
    const of = this.#databases.get(database) ?? { name: database, oid: undefined };
    return { kind: 'advance', slot: parseSlotName(slot), database: of, plugin, target: goal, goal };
  }

  /** By default a run waits for all moves, however busy the machine is. */
  mover(
    options: { role?: string; clock?: Clock; batchTimeoutMs?: number; patienceMs?: number } = {},
  ): TestedMover {
    return new TestedMover({ url: this.standby.url('postgres', options.role ?? ROLE) }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.primary[Symbol.asyncDispose]();
  }
}

/** A mover with what it needs. */
export class TestedMover {
  readonly mover: Mover;
  readonly failures: SlotFailures;
  readonly sessions: DatabaseSessions;
  readonly #stop = new AbortController();

  constructor(
    postgres: Pick<PostgresOptions, 'url'>,
    options: { clock?: Clock; batchTimeoutMs?: number; patienceMs?: number } = {},
  ) {
    const { clock = systemClock, batchTimeoutMs, patienceMs = 20_000 } = options;
    const { signal } = this.#stop;
    const logger = createLogger({ level: 'silent', fields: {} });
    const server = { ...postgres, applicationName: 'slotcast-test' };
    this.sessions = new DatabaseSessions(server, () => undefined, signal);
    this.failures = new SlotFailures(clock, logger, Math.random);
    this.mover = new Mover({
      sessions: this.sessions,
      failures: this.failures,
      clock,
      metrics: createConsumerMetrics({ version: '0', node: 's1', cluster: 'test' }),
      logger,
      budget: new DecodingBudget(1, clock),
      batchTimeoutMs,
      patienceMs,
      onEnd: () => undefined,
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mover.close();
    await this.sessions.close();
    this.#stop.abort();
  }
}
