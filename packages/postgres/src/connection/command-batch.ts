import { type Client, type Connection, DatabaseError, type Submittable } from 'pg';

/** Several commands of a walsender session, sent in one write and answered one after the other. */
export interface CommandBatch {
  /** What is written: all commands, with the copy messages that belong to them. */
  readonly content: Buffer;
  /** How many commands there are. */
  readonly commands: number;
  /** Gets what the server streams, which is thrown away otherwise. What it returns is written. */
  readonly onCopyData?: ((content: Buffer) => Buffer | undefined) | undefined;
}

/** Per command the error with which the server refused it, or `undefined`. */
export type BatchOutcome = readonly (DatabaseError | undefined)[];

/**
 * Runs a batch on a client that does nothing else meanwhile. Rejects when the connection is lost: then it is unknown how far the server came.
 */
export function runBatch(client: Client, batch: CommandBatch): Promise<BatchOutcome> {
  if (batch.commands === 0) {
    return Promise.resolve([]);
  }
  return new Promise((resolve, reject) => {
    const outcome: (DatabaseError | undefined)[] = [];
    const answered = (error: DatabaseError | undefined): void => {
      outcome.push(error);
      if (outcome.length === batch.commands) {
        resolve(outcome);
      } else {
        client.query(new PendingAnswer(answered, reject, { onCopyData: batch.onCopyData }));
      }
    };
    client.query(new PendingAnswer(answered, reject, batch));
  });
}

/**
 * One answer that is expected, in the shape in which node-postgres takes queries of others. The first one writes the whole batch. Each next one is handed in as the
 * last is answered, before the client looks at the next message.
 */
class PendingAnswer implements Submittable {
  readonly #answered: (error: DatabaseError | undefined) => void;
  readonly #lost: (error: Error) => void;
  readonly #batch: Partial<CommandBatch>;
  #connection: Connection | undefined;

  constructor(
    answered: (error: DatabaseError | undefined) => void,
    lost: (error: Error) => void,
    batch: Partial<CommandBatch>,
  ) {
    this.#answered = answered;
    this.#lost = lost;
    this.#batch = batch;
  }

  submit(connection: Connection): void {
    this.#connection = connection;
    if (this.#batch.content !== undefined) {
      connection.stream.write(this.#batch.content);
    }
  }

  handleError(error: Error): void {
    if (error instanceof DatabaseError && error.severity !== 'FATAL') {
      this.#answered(error);
    } else {
      this.#lost(error);
    }
  }

  handleReadyForQuery(): void {
    this.#answered(undefined);
  }

  handleCommandComplete(): void {}

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    const answer = this.#batch.onCopyData?.(chunk);
    if (answer !== undefined) {
      this.#connection?.stream.write(answer);
    }
  }

  handleRowDescription(): void {}

  handleDataRow(): void {}
}
