import { majorOf, parseServerVersion } from '@slotcast/domain';
import { Client, DatabaseError, type QueryResultRow } from 'pg';
import { sendCancelRequest } from './cancel-request.ts';
import { type BatchOutcome, type CommandBatch, runBatch } from './command-batch.ts';
import { ConnectionPoolerError, PostgresConnectionError } from './connection-error.ts';
import { clientConfig, connectTimeoutMs, type PostgresOptions } from './connection-options.ts';
import { fixSettingsText } from './fixed-settings.ts';
import { StatementInterruption, type StatementLimits } from './statement-interruption.ts';

/** How long the server may take to obey a cancel request, or to say goodbye, before the connection is cut. */
const GRACE_MS = 5000;

/** One SQL statement. With a `name` it is prepared once per connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** A session with a PostgreSQL server. Statements run one after the other, in the order in which they were given. */
export interface PostgresConnection {
  /** `server_version_num`, such as 160014. */
  readonly serverVersion: number;
  /** 16 of 160014. */
  readonly major: number;
  readonly user: string;
  readonly database: string;
  /** Process id of the session on the server. */
  readonly processId: number;
  /** True once the connection is of no more use, whoever ended it. */
  readonly broken: boolean;
  /** Resolves when the connection has ended: with the error that broke it, or with `undefined` after `close`. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  /**
   * Runs one statement and returns its rows. When the signal is aborted or the time is over, the statement is cancelled
   * on the server: rejects with the signal's reason or a StatementTimeoutError. If the server does not obey within 5 s the
   * connection is cut. A statement that ended before the cancellation reached it counts as it ended. Rejects with pg's
   * DatabaseError when the server refuses, with a PostgresConnectionError when the connection is lost.
   */
  run<Row extends QueryResultRow>(statement: Statement, limits?: StatementLimits): Promise<readonly Row[]>;
  /** Runs commands of a walsender session in one write, with the limits and rejections of `run` for all together. */
  runBatch(batch: CommandBatch, limits?: StatementLimits): Promise<BatchOutcome>;
  /** Ends the session, and cuts off a statement that is under way. */
  close(): Promise<void>;
}

/**
 * Connects, and fixes what the session runs with. Rejects with a PostgresConnectionError, also when a connection pooler is in between, a
 * ConnectionSettingsError, or the signal's reason.
 */
export function connectPostgres(options: PostgresOptions): Promise<PostgresConnection> {
  return options.sessions === undefined ? connectWithDriver(options) : options.sessions.connect(options);
}

async function connectWithDriver(options: PostgresOptions): Promise<PostgresConnection> {
  options.signal?.throwIfAborted();
  const client = new Client(clientConfig(options));
  const session = new Session(client);
  const abort = (): void => session.cut();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    session.readStartup();
    await session.fixSettings(options);
    return session;
  } catch (cause) {
    session.cut();
    options.signal?.throwIfAborted();
    throw new PostgresConnectionError(`could not connect to PostgreSQL at ${session.place}`, cause, {
      connecting: true,
      configuredDatabase: options.database === undefined,
    });
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

class Session implements PostgresConnection {
  readonly closed: Promise<Error | undefined>;
  serverVersion = 0;
  processId = 0;
  readonly #client: Client;
  readonly #parameters = new Map<string, string>();
  #secretKey = 0;
  #failure: Error | undefined;
  #ended = false;
  #closing = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(client: Client) {
    this.#client = client;
    // Without a listener a server that goes away would end this process.
    client.on('error', (error) => {
      this.#failure ??= error;
    });
    this.closed = new Promise((resolve) => {
      client.on('end', () => {
        this.#ended = true;
        resolve(this.#closing ? undefined : this.#failure);
      });
    });
    client.connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      this.#parameters.set(message.parameterName, message.parameterValue);
    });
    client.connection.on('backendKeyData', (message: { processID: number; secretKey: number }) => {
      this.processId = message.processID;
      this.#secretKey = message.secretKey;
    });
  }

  get major(): number {
    return majorOf(this.serverVersion);
  }

  get user(): string {
    return this.#client.user ?? '';
  }

  get database(): string {
    return this.#client.database ?? '';
  }

  get broken(): boolean {
    return this.#failure !== undefined || this.#ended || this.#closing;
  }

  get place(): string {
    return `${this.#client.host}:${this.#client.port}, database ${this.database}, user ${this.user}`;
  }

  /** Takes over what the server told at the start of the session. */
  readStartup(): void {
    this.serverVersion = parseServerVersion(this.#parameters.get('server_version') ?? '');
  }

  /** Rejects with a ConnectionPoolerError when another process answers than the one that the connection was made to. */
  async fixSettings(options: PostgresOptions): Promise<void> {
    const { signal, statementTimeoutMs } = options;
    const text = fixSettingsText(this.processId, { statementTimeoutMs, major: this.major });
    const [row] = await this.run<{ readonly process_id: number }>(
      { text },
      { signal, timeoutMs: connectTimeoutMs(options) },
    );
    if (row?.process_id !== this.processId) {
      throw new ConnectionPoolerError(this.processId, row?.process_id);
    }
  }

  run<Row extends QueryResultRow>(
    statement: Statement,
    limits: StatementLimits = {},
  ): Promise<readonly Row[]> {
    return this.#inTurn(() => this.#runNow<Row>(statement, limits));
  }

  runBatch(batch: CommandBatch, limits: StatementLimits = {}): Promise<BatchOutcome> {
    return this.#inTurn(() =>
      this.#within(`${batch.commands} replication commands`, limits, () => runBatch(this.#client, batch)),
    );
  }

  async close(): Promise<void> {
    if (this.#ended) {
      return;
    }
    this.#closing = true;
    const timer = setTimeout(() => this.cut(), GRACE_MS);
    try {
      await this.#client.end();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Drops the connection without a goodbye. */
  cut(): void {
    this.#client.connection.stream.destroy();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #runNow<Row extends QueryResultRow>(
    { name, text, values }: Statement,
    limits: StatementLimits,
  ): Promise<readonly Row[]> {
    return this.#within(text, limits, async () => {
      const { rows } = await this.#client.query<Row>({
        text,
        ...(name === undefined ? {} : { name }),
        ...(values === undefined ? {} : { values: [...values] }),
      });
      return rows;
    });
  }

  async #within<T>(what: string, limits: StatementLimits, work: () => Promise<T>): Promise<T> {
    limits.signal?.throwIfAborted();
    const interruption = new StatementInterruption(what, limits, {
      cancel: () => this.#cancel(),
      cut: () => this.cut(),
      graceMs: GRACE_MS,
    });
    try {
      return await work();
    } catch (error) {
      const reason = interruption.explain(error);
      throw reason === error ? this.#explain(error) : reason;
    } finally {
      await interruption.end();
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof DatabaseError || !this.broken) {
      return error;
    }
    return new PostgresConnectionError(
      `lost the connection to PostgreSQL at ${this.place}`,
      this.#failure ?? error,
    );
  }

  async #cancel(): Promise<void> {
    const { host, port } = this.#client;
    const target = { host, port, processId: this.processId, secretKey: this.#secretKey };
    await sendCancelRequest(target, GRACE_MS);
  }
}
