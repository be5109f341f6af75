import type { PostgresConnection, PostgresOptions } from '@slotcast/postgres';
import type { SimProcess } from '../types.ts';
import { Backend } from './backend.ts';
import { notConnected, refusedError, TwinConnection } from './connection.ts';
import type { ServerCore } from './core.ts';
import type { Receiver } from './receiver.ts';
import { refusal } from './sqlstate.ts';

/** The database of the application, where sessions go that name none. */
export const SHOP = { oid: 16_384, name: 'shop' };
const USER = 'slotcast';
const CONNECT_TIMEOUT_MS = 10_000;

export function databaseOid(core: ServerCore, name: string): number | undefined {
  return [...core.databases].find(([, known]) => known === name)?.[0];
}

/** What `connectPostgres` does, with the same rejections, for a process of the simulation. */
export async function connect(
  core: ServerCore,
  receiver: Receiver,
  process: SimProcess,
  options: PostgresOptions,
): Promise<PostgresConnection> {
  options.signal?.throwIfAborted();
  const { world } = core;
  const database = options.database ?? SHOP.name;
  const link = world.link(`postgres:${process.name}`);
  const connection = new TwinConnection({ world, core, process, link, database, user: USER });
  const effect = (): Backend => {
    const backend = letIn({ core, receiver, process, database, options }, (error) =>
      connection.onServerEnd(error),
    );
    process.onDeath(() => backend.terminate(new Error('the client has died')));
    return backend;
  };
  const called = world.call(process, 'connect', effect, { link, refused: refusedError });
  try {
    connection.open(await within(called, options));
    return connection;
  } catch (cause) {
    // A session that is made all the same ends when its client is not there.
    called.then((backend) => backend.terminate(new Error('the client has left'))).catch(() => undefined);
    options.signal?.throwIfAborted();
    throw notConnected(core.node, cause, options);
  }
}

interface Guest {
  readonly core: ServerCore;
  readonly receiver: Receiver;
  readonly process: SimProcess;
  readonly database: string;
  readonly options: PostgresOptions;
}

function letIn(
  { core, receiver, process, database, options }: Guest,
  onEnd: (error: Error) => void,
): Backend {
  if (!core.running) {
    throw refusedError();
  }
  const isWalsender = options.replication === true;
  if (isWalsender && core.walsenders >= core.settings.maxWalSenders) {
    const limit = 'number of requested standby connections exceeds "max_wal_senders"';
    throw refusal('53300', limit, 'InitWalSenderSlot', 'FATAL');
  }
  const oid = databaseOid(core, database);
  if (oid === undefined) {
    throw refusal('3D000', `database "${database}" does not exist`, 'InitPostgres', 'FATAL');
  }
  return new Backend(core, receiver, {
    process,
    databaseOid: oid,
    user: USER,
    applicationName: options.applicationName,
    isWalsender,
    onEnd,
  });
}

/** Gives up when the signal is aborted, or after the time that a connection may take. */
async function within<T>(called: Promise<T>, { signal, connectTimeoutMs }: PostgresOptions): Promise<T> {
  let giveUp: ((reason: unknown) => void) | undefined;
  const givenUp = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  const abort = (): void => giveUp?.(signal?.reason);
  const timer = setTimeout(
    () => giveUp?.(new Error('timeout expired')),
    connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  );
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([called, givenUp]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
