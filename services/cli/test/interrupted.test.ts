import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { cliArguments } from './run-cli.ts';

/** Accepts connections and never answers, as a broker or a server does that hangs. */
class SilentServer {
  readonly #server: Server = createServer((socket) => this.#sockets.add(socket));
  readonly #sockets = new Set<Socket>();

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address: AddressInfo | string | null = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `127.0.0.1:${address.port}`;
  }

  async connection(): Promise<void> {
    await once(this.#server, 'connection');
  }

  close(): void {
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
  }
}

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [...cliArguments, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, ...env },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
}

describe('a command that did not come to its answer', { timeout: 120_000, concurrency: 2 }, () => {
  const settings = { SLOTCAST_CLUSTER: 'orders', SLOTCAST_NODE: 'db2' };

  const cases = [
    ['prepare-promotion', 'SIGINT', 130],
    ['prepare-promotion --force', 'SIGTERM', 143],
    ['status', 'SIGINT', 130],
    ['adopt app1', 'SIGTERM', 143],
    ['doctor', 'SIGINT', 130],
    ['topic check', 'SIGTERM', 143],
    ['events', 'SIGINT', 130],
  ] as const;
  for (const [command, signal, expected] of cases) {
    test(`never ends with 0: ${command}, interrupted by ${signal}, ends with ${expected}`, async () => {
      const silent = new SilentServer();
      const kafka = await silent.listen();
      try {
        const child = start(command.split(' '), {
          ...settings,
          KAFKA_BOOTSTRAP_SERVERS: kafka,
          SLOTCAST_POSTGRES_URL: `postgresql://slotcast@${kafka}/postgres`,
          SLOTCAST_HTTP_LISTEN: 'off',
        });
        const ended = once(child, 'close');
        await silent.connection();
        child.kill(signal);
        assert.deepEqual(await ended, [expected, null]);
      } finally {
        silent.close();
      }
    });
  }

  test('never ends with 0: one whose reader is gone ends as if SIGPIPE had ended it', async () => {
    const child = start(['config'], { ...settings, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    assert.deepEqual([code, stderr], [141, '']);
  });
});
