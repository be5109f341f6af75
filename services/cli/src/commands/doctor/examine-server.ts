import type { Config } from '@slotcast/config';
import {
  type Check,
  type DatabaseAttempt,
  failed,
  type LocalSlot,
  ok,
  type PreconditionFacts,
  type SystemIdentifier,
  sortOutImplausible,
  type TimelineHistory,
  type UnreadableSlot,
} from '@slotcast/domain';
import { errorCodes, SlotcastError } from '@slotcast/kernel';
import { explainError } from '@slotcast/node';
import {
  classifyPostgresError,
  connectPostgres,
  identifySystem,
  isPostgresError,
  observePrimary,
  observeStandby,
  type PostgresConnection,
  type PostgresOptions,
  readPreconditions,
  readServerFacts,
  readServerIdentity,
  readStandbySettings,
  readTimelineHistory,
  readWalEnd,
  readWalSenders,
  type ServerFacts,
  type StandbySettings,
  tryDatabases,
  type WalEnd,
  type WalSender,
} from '@slotcast/postgres';

/** A person waits for the answer. */
const CONNECT_TIMEOUT_MS = 5000;
const LOOK_TIMEOUT_MS = 20_000;
/** Connections are few on some servers, and the services need theirs. */
const DATABASES_AT_ONCE = 3;
/** SQLSTATE invalid_authorization_specification: no line of pg_hba.conf fits, or there is no such role. */
const INVALID_AUTHORIZATION = '28000';

/** What this node's server showed. */
export interface ServerView {
  readonly preconditions: PreconditionFacts;
  readonly facts: ServerFacts;
  /** The server's clock minus the one here, in milliseconds. */
  readonly clockAheadMs: number;
  /** Temporary ones on a standby only. */
  readonly slots: readonly LocalSlot[];
  readonly unreadable: readonly UnreadableSlot[];
  readonly walSenders: readonly WalSender[];
  readonly settings: StandbySettings;
  readonly systemIdentifier: SystemIdentifier;
  /** In milliseconds since 1970. */
  readonly serverStartedAt: number;
  /** Absent when there was no walsender session to ask. */
  readonly history: TimelineHistory | undefined;
}

export interface ServerExamination {
  /** Whether the server let the role in. */
  readonly checks: readonly Check[];
  /** Absent when it did not, or did not answer. */
  readonly view: ServerView | undefined;
}

/** Looks at this node's server. What the server refuses is a failed check, and no error. */
export async function examineServer(config: Config): Promise<ServerExamination> {
  const options = doctorOptions(config);
  try {
    return await withServer(options, async (connection, signal) => {
      // A promotion that happens in between shows as a server that is a primary already.
      const walsender = await askWalsender(options);
      const view = await look(connection, walsender.history, signal);
      const { role, database, hasReplication } = view.preconditions;
      const reached = ok('postgres_connection', `lets ${role} in to database ${database}, and answers`);
      // Without REPLICATION the session is refused for that, which has a check of its own.
      return { checks: hasReplication ? [reached, walsender.check] : [reached], view };
    });
  } catch (error) {
    return { checks: [refused('postgres_connection', error)], view: undefined };
  }
}

/** Where the WAL of a primary ends by now; absent when it does not tell, or is none. To be asked after the topic was read, which a publisher goes on writing to. */
export async function examineEnd(config: Config, { view }: ServerExamination): Promise<WalEnd | undefined> {
  if (view === undefined || view.preconditions.inRecovery) {
    return undefined;
  }
  try {
    return await withServer(doctorOptions(config), readWalEnd);
  } catch (error) {
    refused('postgres_connection', error);
    return undefined;
  }
}

/** Connects to each of these databases, as the consumer would. */
export function examineDatabases(
  config: Config,
  databases: readonly string[],
): Promise<readonly DatabaseAttempt[]> {
  const limits = { concurrency: DATABASES_AT_ONCE, timeoutMs: LOOK_TIMEOUT_MS };
  return tryDatabases(doctorOptions(config), databases, limits);
}

function doctorOptions(config: Config): PostgresOptions {
  return {
    url: config.postgresUrl,
    applicationName: 'slotcast-doctor',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  };
}

async function askWalsender(
  options: PostgresOptions,
): Promise<{ readonly check: Check; readonly history: TimelineHistory | undefined }> {
  try {
    return await withServer({ ...options, replication: true }, async (replication, signal) => {
      const { timeline, database } = await identifySystem(replication, signal);
      const history = await readTimelineHistory(replication, timeline, signal);
      return { check: ok('walsender_connection', `lets the role in to database ${database}`), history };
    });
  } catch (error) {
    return { check: refused('walsender_connection', error), history: undefined };
  }
}

async function look(
  connection: PostgresConnection,
  history: TimelineHistory | undefined,
  signal: AbortSignal,
): Promise<ServerView> {
  const preconditions = await readPreconditions(connection, signal);
  const asked = Date.now();
  const facts = await readServerFacts(connection, signal);
  const clockAheadMs = facts.timeMs - (asked + Date.now()) / 2;
  const { systemIdentifier, serverStartedAt } = await readServerIdentity(connection, signal);
  return {
    preconditions,
    facts,
    clockAheadMs,
    ...(await readSlots(connection, signal)),
    walSenders: await readWalSenders(connection, signal),
    settings: await readStandbySettings(connection, signal),
    systemIdentifier,
    serverStartedAt,
    history,
  };
}

async function readSlots(
  connection: PostgresConnection,
  signal: AbortSignal,
): Promise<Pick<ServerView, 'slots' | 'unreadable'>> {
  const standby = await observeStandby(connection, signal);
  if (standby.inRecovery) {
    return { slots: standby.slots, unreadable: standby.unreadable };
  }
  const primary = await observePrimary(connection, signal);
  if (primary.inRecovery) {
    return { slots: [], unreadable: [] };
  }
  const { plausible, implausible } = sortOutImplausible(primary.slots, primary.insertLsn);
  return {
    slots: plausible.map((slot) => ({ ...slot, temporary: false })),
    unreadable: [...primary.unreadable, ...implausible],
  };
}

async function withServer<T>(
  options: PostgresOptions,
  use: (connection: PostgresConnection, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
  const connection = await connectPostgres({ ...options, signal });
  try {
    return await use(connection, signal);
  } finally {
    await connection.close();
  }
}

function refused(check: 'postgres_connection' | 'walsender_connection', error: unknown): Check {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const remedy = 'see what keeps the server busy: its log, its load, its disk';
    return failed(check, `the server did not answer within ${LOOK_TIMEOUT_MS / 1000} s`, remedy);
  }
  const explained = explainError(error);
  if (!isPostgresError(error) || !(explained instanceof SlotcastError)) {
    throw error;
  }
  return failed(check, explained.message, remedyOf(explained, classifyPostgresError(error).code));
}

function remedyOf({ code, remedy }: SlotcastError, sqlState: string | undefined): string {
  if (sqlState === INVALID_AUTHORIZATION) {
    return "if there is such a role, in the server's pg_hba.conf: host  all  <role>  <address that slotcast comes from>/32  scram-sha-256; then: SELECT pg_reload_conf();";
  }
  // What the error itself advises is that of a service, which tries again.
  return code === 'SC_POSTGRES_UNREACHABLE' ? errorCodes[code].remedy : remedy;
}
