import { Client, DatabaseError } from 'pg';

/** too_many_connections: all of max_wal_senders are in use */
const TOO_MANY = '53300';

/** A walsender session that is taken from everybody else until it is closed. */
export interface TakenWalsender {
  close(): Promise<void>;
}

/** Takes every walsender session that a server has left. `url` names a role that may have them. Rejects when another error ends it. */
export async function takeWalsenders(url: string): Promise<readonly TakenWalsender[]> {
  const taken: TakenWalsender[] = [];
  for (;;) {
    const walsender = { connectionString: url, replication: 'database' };
    const client = new Client(walsender);
    // A server that ends it has taken it back.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      if (error instanceof DatabaseError && error.code === TOO_MANY) {
        return taken;
      }
      throw error;
    }
    taken.push({ close: () => client.end() });
  }
}
