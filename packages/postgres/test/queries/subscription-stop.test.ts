import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { subscribe } from '@slotcast/postgres';

const CONNECT_TIMEOUT_MS = 300;
/** Longer than the time limit of a connection, and by far shorter than the test. */
const ENDED_WITHIN_MS = 5_000;

async function ended(running: Promise<void>): Promise<string> {
  return await Promise.race([
    running.then(() => 'ended'),
    sleep(ENDED_WITHIN_MS, 'runs for ever', { ref: false }),
  ]);
}

/** As a server of which all processes are frozen: the kernel accepts the connection, and nobody answers. */
describe('a subscription of a server that accepts and never answers', { timeout: 20_000 }, () => {
  let server: Server;
  let sockets: Socket[];

  before(async () => {
    server = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined).resume());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  beforeEach(() => {
    sockets = [];
  });
  after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });

  function start(signal: AbortSignal): Promise<void> {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return subscribe({
      connection: {
        host: '127.0.0.1',
        port: address.port,
        user: 'anybody',
        applicationName: 'test',
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
      },
      slot: 'app1',
      publication: undefined,
      onRow: () => undefined,
      signal,
    });
  }

  test('fails when the time to connect is over', async () => {
    await assert.rejects(start(new AbortController().signal), /timeout expired|lost the connection/);
  });

  test('ends when it is stopped while it connects', async () => {
    const stop = new AbortController();
    const running = start(stop.signal);
    await once(server, 'connection');
    stop.abort();
    assert.equal(await ended(running), 'ended');
  });

  test('ends when it is stopped before it has begun to connect, and leaves no connection', async () => {
    const stop = new AbortController();
    const running = start(stop.signal);
    stop.abort();
    assert.equal(await ended(running), 'ended');
    assert.ok(sockets.every((socket) => socket.closed || socket.destroyed));
  });
});
