import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { freePort, sharedKafka, uniqueTopicPrefix } from '@slotcast/testkit';
import { runCli } from './run-cli.ts';

/** The parsed log lines of a service. */
function logLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.ok(typeof value === 'object' && value !== null);
      return { ...value };
    });
}

describe('the services', { timeout: 180_000, concurrency: 2 }, () => {
  let brokers = '';
  before(async () => {
    brokers = await sharedKafka();
  });

  for (const service of ['node', 'publisher', 'consumer']) {
    test(`the ${service} waits for its topics, loudly, and says what to run`, async () => {
      const { code, stdout } = await runCli([service], {
        env: {
          SLOTCAST_CLUSTER: 'orders',
          SLOTCAST_TOPIC_PREFIX: uniqueTopicPrefix(),
          KAFKA_BOOTSTRAP_SERVERS: brokers,
          SLOTCAST_POSTGRES_URL: 'postgresql://127.0.0.1:1/postgres',
          SLOTCAST_HTTP_LISTEN: 'off',
        },
        // Once: a second signal ends the process at once.
        onOutput: (output, child) => {
          if (output.includes('will try again') && !child.killed) {
            child.kill('SIGTERM');
          }
        },
      });
      assert.equal(code, 0, stdout);
      const failure = logLines(stdout).find((line) => line['level'] === 'error');
      assert.equal(failure?.['code'], 'SC_TOPIC_MISSING');
      assert.match(String(failure?.['remedy']), /slotcast topic create/);
      assert.ok(Number(failure?.['givesUpInMs']) > 60_000);
      assert.equal(failure?.['service'], service);
    });

    test(`the ${service} keeps trying while PostgreSQL is away, is alive but not ready, and stops in order`, async () => {
      const port = await freePort();
      const env = {
        SLOTCAST_CLUSTER: 'orders',
        SLOTCAST_TOPIC_PREFIX: uniqueTopicPrefix(),
        KAFKA_BOOTSTRAP_SERVERS: brokers,
        PGHOST: '127.0.0.1',
        PGPORT: '1',
        SLOTCAST_HTTP_LISTEN: `127.0.0.1:${port}`,
      };
      assert.equal((await runCli(['topic', 'create'], { env })).code, 0);
      let probing: Promise<readonly [number, number, string]> | undefined;
      const probe = async () => {
        const live = await fetch(`http://127.0.0.1:${port}/livez`);
        const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
        return [live.status, ready.status, await ready.text()] as const;
      };
      const { code, stdout } = await runCli([service], {
        env,
        onOutput: (output, child) => {
          if (output.includes('will try again') && probing === undefined) {
            probing = probe().finally(() => child.kill('SIGTERM'));
          }
        },
      });
      assert.equal(code, 0, stdout);
      const [live, ready, reason] = (await probing) ?? [];
      assert.deepEqual([live, ready], [200, 503]);
      assert.match(reason ?? '', /^failed .*ECONNREFUSED/m);
    });
  }

  test('the publisher keeps trying while Kafka is away', async () => {
    const { code, stdout } = await runCli(['publisher'], {
      env: {
        SLOTCAST_CLUSTER: 'orders',
        KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${await freePort()}`,
        PGHOST: '127.0.0.1',
        SLOTCAST_HTTP_LISTEN: 'off',
      },
      onOutput: (output, child) => {
        if (output.includes('will try again')) {
          child.kill('SIGTERM');
        }
      },
    });
    assert.equal(code, 0, stdout);
    const failure = logLines(stdout).find((line) => line['msg'] === 'failed, will try again');
    assert.match(JSON.stringify(failure), /SC_KAFKA_UNREACHABLE/);
  });
});
