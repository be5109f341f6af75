import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import {
  freePort,
  ManagedProcess,
  type PostgresServer,
  temporaryFolder,
  unprivilegedUser,
  waitUntil,
} from '@slotcast/testkit';

const PGBOUNCER = '/usr/sbin/pgbouncer';

/** False where PgBouncer is installed, else why a test is skipped. */
export const lacksPgBouncer = spawnSync(PGBOUNCER, ['--version']).error
  ? `${PGBOUNCER} is not installed`
  : false;

export interface Pooler extends AsyncDisposable {
  readonly port: number;
}

/** PgBouncer in front of a server, for one role. */
export async function startPgBouncer(
  server: PostgresServer,
  role: string,
  settings: readonly string[],
): Promise<Pooler> {
  const folder = await temporaryFolder('pgbouncer');
  const port = await freePort();
  const users = join(folder, 'users.txt');
  const configuration = join(folder, 'pgbouncer.ini');
  await writeFile(users, `"${role}" ""\n`);
  const lines = [
    '[databases]',
    `* = host=127.0.0.1 port=${server.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = trust',
    `auth_file = ${users}`,
    ...settings,
  ];
  await writeFile(configuration, `${lines.join('\n')}\n`);
  // It refuses to run as root.
  const user = unprivilegedUser();
  if (user !== undefined) {
    await chown(folder, user.uid, user.gid);
  }
  const process = await ManagedProcess.start({
    command: PGBOUNCER,
    arguments: [configuration],
    folder,
    logFile: join(folder, 'pgbouncer.log'),
    ...(user === undefined ? {} : { user }),
  });
  await waitUntil(() => answers(port), { describe: `PgBouncer to listen on port ${port}` });
  return { port, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** Passes everything on, but for the process that the server names at the start: poolers name one of their own. */
export async function startRenamingProxy(server: PostgresServer): Promise<Pooler> {
  const proxy = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    const close = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.on('error', close).on('close', close).pipe(upstream);
    upstream.on('error', close).on('close', close);
    upstream.on('data', (data) => {
      const key = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (key >= 0) {
        data.writeInt32BE(4711, key + 5);
      }
      client.write(data);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') {
    throw new Error('the proxy has no port');
  }
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
