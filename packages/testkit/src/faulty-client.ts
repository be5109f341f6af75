import { once } from 'node:events';
import { Client } from 'pg';

/** What a client confirms; PostgreSQL takes any position. */
export interface FaultyConfirmation {
  /** URL of the slot's own database. */
  readonly url: string;
  readonly slot: string;
  /** Options of the slot's plugin; none for test_decoding. */
  readonly pluginOptions?: string;
  /** All 64 bits of a position. */
  readonly position: bigint;
}

/** Does what a client at fault does: confirms a position that it never received. */
export async function confirmFalsely(faulty: FaultyConfirmation): Promise<void> {
  const insisting = await insistFalsely(faulty);
  await insisting.end();
}

/** The same, and goes on streaming until it is ended, as a subscriber does that received that from another server. */
export async function insistFalsely(
  faulty: FaultyConfirmation,
): Promise<AsyncDisposable & { readonly end: () => Promise<void> }> {
  const { url, slot, position, pluginOptions = '' } = faulty;
  const walsender = { connectionString: url, replication: 'database' };
  const client = new Client(walsender);
  await client.connect();
  const started = once(client.connection, 'replicationStart');
  const ended = client.query(`START_REPLICATION SLOT "${slot}" LOGICAL 0/0 ${pluginOptions}`);
  try {
    await Promise.race([started, ended]);
    client.connection.stream.write(statusUpdate(position));
  } catch (error) {
    await client.end();
    throw error;
  }
  let ending: Promise<void> | undefined;
  const finish = async (): Promise<void> => {
    try {
      client.connection.stream.write(copyDone());
      await ended;
    } finally {
      await client.end();
    }
  };
  const end = (): Promise<void> => {
    ending ??= finish();
    return ending;
  };
  return { end, [Symbol.asyncDispose]: end };
}

/** A standby status update: written, flushed and applied up to `position`. */
function statusUpdate(position: bigint): Buffer {
  const payload = Buffer.alloc(34);
  payload.write('r');
  for (const offset of [1, 9, 17]) {
    payload.writeBigUInt64BE(position, offset);
  }
  return message('d', payload);
}

function copyDone(): Buffer {
  return message('c', Buffer.alloc(0));
}

function message(type: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(payload.length + 4, 1);
  return Buffer.concat([head, payload]);
}
