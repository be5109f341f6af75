import { formatLsn, type Lsn, lsn, maxLsn } from '@slotcast/domain';
import { DatabaseError } from 'pg';
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { PostgresConnectionError } from '../connection/connection-error.ts';
import { clientConfig, type PostgresOptions } from '../connection/connection-options.ts';
import { optionalLsn } from './wal-position.ts';

const ACKNOWLEDGE_EVERY_MS = 100;
/** Far below wal_sender_timeout (60 s by default), so that a slow `onRow` does not end the connection. */
const SIGN_OF_LIFE_MS = 10_000;

/** A change of one row, decoded by pgoutput. */
export interface ReceivedRow {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly schema: string;
  readonly table: string;
  /** Column values, as node-postgres gives them; of a delete those of the replica identity. */
  readonly row: Readonly<Record<string, unknown>>;
  /** Position of the transaction's commit record. */
  readonly commitLsn: Lsn;
}

/** A logical message (`pg_logical_emit_message`) of a committed transaction. */
export interface ReceivedMessage {
  readonly prefix: string;
  readonly content: Uint8Array;
  /** Position of the transaction's commit record. */
  readonly commitLsn: Lsn;
}

export interface SubscribeOptions {
  readonly connection: PostgresOptions;
  readonly slot: string;
  /**
   * Absent: no rows (17+; before, 22023). One that does not exist does no harm until a row of the database changes: from then on the
   * subscription ends with 42704 (18 warns only), as pgoutput looks for it at the time of that change.
   */
  readonly publication?: string | undefined;
  /** Called for one row after the other; the next one waits for the promise. A rejection ends the subscription. */
  readonly onRow: (row: ReceivedRow) => void | Promise<void>;
  /** Where to start, for a client that keeps its own position; where the slot stands when absent. */
  readonly startLsn?: Lsn;
  /** The same for messages (14+), in the order of both; without it, none are sent. */
  readonly onMessage?: (message: ReceivedMessage) => void | Promise<void>;
  /** Called once the server has begun to send. */
  readonly onStart?: () => void;
  /** The longest that a processed transaction waits for its acknowledgement; 100 ms by default. */
  readonly acknowledgeEveryMs?: number;
  /** Acknowledges each transaction as soon as it is processed. */
  readonly acknowledgeAtOnce?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Consumes a logical slot from where it stands (start position 0/0) unless told otherwise, and acknowledges what `onRow` has processed. WAL in which there
 * was nothing for this slot is acknowledged too, so that the slot of an idle database does not hold it. Resolves when the signal is
 * aborted and `onRow` has returned. Rejects with the server's error (55006 while another session uses the slot), a PostgresConnectionError, or what
 * `onRow` rejected with; connecting again is the caller's business.
 */
export async function subscribe(options: SubscribeOptions): Promise<void> {
  const { signal } = options;
  if (signal.aborted) {
    return;
  }
  const subscription = new Subscription(options);
  const stop = (): void => subscription.end();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await subscription.run();
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Counts what has arrived: the library parses a message on arrival, and hands it out when those before are processed. */
class CountingPlugin extends PgoutputPlugin {
  received = 0;

  override parse(buffer: Buffer): Pgoutput.Message {
    this.received += 1;
    return super.parse(buffer);
  }
}

class Subscription {
  readonly #options: SubscribeOptions;
  readonly #service: LogicalReplicationService;
  readonly #plugin: CountingPlugin;
  #handled = 0;
  /** Commit position of the transaction that is arriving. */
  #commitLsn: Lsn | undefined;
  #processed: Lsn | undefined;
  #acknowledged: { readonly position: Lsn; readonly at: number } | undefined;
  #failure: unknown;
  #stopping: Promise<unknown> | undefined;
  #tellStopped = (): void => undefined;
  /** Resolves when the connection is ended, whatever became of the attempt to make it. */
  readonly #stopped = new Promise<void>((resolve) => {
    this.#tellStopped = resolve;
  });
  #processing: Promise<void> | undefined;

  constructor(options: SubscribeOptions) {
    this.#options = options;
    // The library's own acknowledgements go by arrival, not by what was processed: they would lose changes.
    this.#service = new LogicalReplicationService(clientConfig(options.connection), {
      acknowledge: { auto: false, timeoutSeconds: 0 },
      flowControl: { enabled: true },
    });
    this.#plugin = new CountingPlugin({
      protoVersion: 1,
      publicationNames: options.publication === undefined ? [] : [options.publication],
      messages: options.onMessage !== undefined,
    });
    this.#service.on('start', () => options.onStart?.());
    this.#service.on('data', (_lsn: string, message: Pgoutput.Message) => this.#handle(message));
    this.#service.on('heartbeat', (position: string, _time: number, shouldRespond: boolean) =>
      this.#onHeartbeat(optionalLsn(position), shouldRespond),
    );
    this.#service.on('error', (error: Error) => this.#fail(error));
  }

  async run(): Promise<void> {
    const { slot, startLsn, acknowledgeEveryMs } = this.#options;
    const timer = setInterval(() => this.#acknowledge(), acknowledgeEveryMs ?? ACKNOWLEDGE_EVERY_MS);
    try {
      // A client that is ended while it connects never settles that attempt, and so neither does the library's promise.
      await Promise.race([
        this.#service.subscribe(this.#plugin, slot, startLsn === undefined ? '0/0' : formatLsn(startLsn)),
        this.#stopped,
      ]);
    } catch (error) {
      this.#failure ??= error;
    } finally {
      clearInterval(timer);
      this.end();
      await Promise.allSettled([this.#stopping, this.#processing]);
      // Who is stopped before the library has made its client has to end that one, too.
      await Promise.allSettled([this.#service.stop()]);
    }
    if (this.#failure !== undefined) {
      throw this.#explain(this.#failure);
    }
  }

  /** Acknowledges what is processed and ends the connection. */
  end(): void {
    if (this.#stopping === undefined) {
      this.#acknowledge();
      this.#stopping = this.#service.stop();
      this.#stopping.then(this.#tellStopped, this.#tellStopped);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.end();
  }

  #explain(error: unknown): unknown {
    const ofConnection =
      error instanceof Error && /^Connection terminated|timeout expired/.test(error.message);
    const { slot } = this.#options;
    return ofConnection && !(error instanceof DatabaseError)
      ? new PostgresConnectionError(`lost the connection that consumed slot ${slot}`, error)
      : error;
  }

  async #handle(message: Pgoutput.Message): Promise<void> {
    const processing = this.#process(message);
    this.#processing = processing;
    try {
      await processing;
    } finally {
      this.#handled += 1;
    }
  }

  async #process(message: Pgoutput.Message): Promise<void> {
    switch (message.tag) {
      case 'begin':
        this.#commitLsn = optionalLsn(message.commitLsn);
        return;
      case 'commit':
        this.#commitLsn = undefined;
        this.#advance(optionalLsn(message.commitEndLsn));
        if (this.#options.acknowledgeAtOnce === true) {
          this.#acknowledge();
        }
        return;
      case 'insert':
        return this.#deliver('insert', message.relation, message.new);
      case 'update':
        return this.#deliver('update', message.relation, message.new);
      case 'delete':
        return this.#deliver('delete', message.relation, message.old ?? message.key ?? {});
      case 'message':
        return this.#deliverMessage(message);
      case 'origin':
      case 'relation':
      case 'truncate':
      case 'type':
        return;
    }
  }

  async #deliver(
    kind: ReceivedRow['kind'],
    relation: Pgoutput.MessageRelation,
    row: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (this.#commitLsn === undefined || this.#stopping !== undefined) {
      return;
    }
    const { schema, name: table } = relation;
    await this.#options.onRow({ kind, schema, table, row: { ...row }, commitLsn: this.#commitLsn });
  }

  /** A message outside of a transaction has no commit; it is of no use to a subscriber that must not miss anything. */
  async #deliverMessage({ prefix, content }: Pgoutput.MessageMessage): Promise<void> {
    if (this.#commitLsn !== undefined && this.#stopping === undefined) {
      await this.#options.onMessage?.({ prefix, content, commitLsn: this.#commitLsn });
    }
  }

  /** The server has sent all up to here; with nothing of it left to process it is processed. */
  #onHeartbeat(position: Lsn | undefined, shouldRespond: boolean): void {
    if (this.#commitLsn === undefined && this.#handled === this.#plugin.received) {
      this.#advance(position);
    }
    if (shouldRespond) {
      this.#acknowledged = undefined;
      this.#acknowledge();
    }
  }

  #advance(position: Lsn | undefined): void {
    if (position !== undefined) {
      this.#processed = this.#processed === undefined ? position : maxLsn(this.#processed, position);
    }
  }

  #acknowledge(): void {
    const now = performance.now();
    const last = this.#acknowledged;
    if (this.#processed === undefined) {
      return;
    }
    if (last?.position === this.#processed && now - last.at < SIGN_OF_LIFE_MS) {
      return;
    }
    this.#acknowledged = { position: this.#processed, at: now };
    // The library tells the server the byte after the one it is given; as it is, a slot would stand one byte past the WAL.
    const lastByte = formatLsn(lsn(this.#processed - 1n));
    this.#service.acknowledge(lastByte).catch((error: unknown) => this.#fail(error));
  }
}
