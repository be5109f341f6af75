import { Client, type ClientConfig, DatabaseError, type QueryResultRow } from 'pg';
import { waitUntil } from './wait-until.ts';

async function connect(connection: ClientConfig): Promise<Client> {
  const client = new Client({ connectionTimeoutMillis: 10_000, ...connection });
  // A connection that breaks also rejects the query that is under way; the event alone must not end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Connects, runs `work` on the connection and closes it again. */
export async function withClient<T>(
  connection: ClientConfig,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connect(connection);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether the server answered the statement itself with an error, rather than being down, starting or cut off. */
function isAnswer(error: unknown): boolean {
  return error instanceof DatabaseError && !/^(08|57P)/.test(error.code ?? '');
}

export interface PollOptions<Row extends QueryResultRow> {
  readonly connection: ClientConfig;
  readonly sql: string;
  readonly predicate: (rows: readonly Row[]) => boolean;
  readonly timeoutMs: number;
  /** Names the server in the error message. */
  readonly serverName: string;
}

/**
 * Repeats a statement until its rows satisfy the predicate, and returns them. A server that is down or restarting is waited
 * for; an error in the statement ends the wait. Throws with the last rows when the time is over.
 */
export async function pollRows<Row extends QueryResultRow>(
  options: PollOptions<Row>,
): Promise<readonly Row[]> {
  let client: Client | undefined;
  let lastSeen = 'no answer yet';
  const look = async (): Promise<readonly Row[] | undefined> => {
    try {
      client ??= await connect(options.connection);
      const { rows } = await client.query<Row>(options.sql);
      lastSeen = JSON.stringify(rows);
      return options.predicate(rows) ? rows : undefined;
    } catch (error) {
      if (isAnswer(error)) {
        throw error;
      }
      lastSeen = error instanceof Error ? error.message : String(error);
      await client?.end();
      client = undefined;
      return undefined;
    }
  };
  try {
    return await waitUntil(look, {
      timeoutMs: options.timeoutMs,
      describe: () => `${options.serverName}: ${options.sql} (seen last: ${lastSeen})`,
    });
  } finally {
    await client?.end();
  }
}
