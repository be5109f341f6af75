import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * Below Linux's range for outgoing connections (32768 and up by default): a server that is killed and started again
 * must not find its port taken by some client socket in the meantime.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
const ATTEMPTS = 100;

/** Names a folder in which the processes of a run note which ports they have handed out: a server that is down for a moment still has its own. */
const FOLDER_VARIABLE = 'SLOTCAST_TEST_PORTS';

const handedOut = new Set<number>();

/** False when this process or another one of the run has it. */
async function reserve(port: number): Promise<boolean> {
  if (handedOut.has(port)) {
    return false;
  }
  handedOut.add(port);
  const folder = process.env[FOLDER_VARIABLE];
  if (folder === undefined) {
    return true;
  }
  try {
    await (await open(join(folder, String(port)), 'wx')).close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A TCP port on 127.0.0.1 that nothing listens on, never the same one twice in a process, nor in a run of the tests. Throws when a hundred
 * random candidates are all taken.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if ((await reserve(port)) && (await isFree(port))) {
      return port;
    }
  }
  throw new Error(
    `No free port found: ${ATTEMPTS} random ports from ${FIRST_PORT} to ${FIRST_PORT + PORT_COUNT - 1} on 127.0.0.1 are all in use`,
  );
}
