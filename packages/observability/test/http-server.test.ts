import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { Doorbell, formatListen, SlotcastError } from '@slotcast/kernel';
import {
  COMMAND_HEADER,
  createPublisherMetrics,
  type HttpServer,
  type ReadinessCondition,
  startHttpServer,
} from '@slotcast/observability';

const metrics = createPublisherMetrics({ version: '1', node: 'n', cluster: 'c' });

const notFenced = () => ({ fenced: false, reason: 'the server of this node is a standby' });

function start(checks: readonly ReadinessCondition[] = []): Promise<HttpServer> {
  return startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    health: { alive: () => true, checks: () => checks },
    fenced: notFenced,
    registry: metrics.registry,
  });
}

function urlOf(server: HttpServer, path: string): string {
  assert.ok(server.address !== undefined);
  return `http://${formatListen(server.address)}${path}`;
}

async function fetchFrom(server: HttpServer, path: string, init: RequestInit = {}) {
  const response = await fetch(urlOf(server, path), init);
  return { status: response.status, body: await response.text(), headers: response.headers };
}

describe('the HTTP endpoint', { timeout: 60_000 }, () => {
  test('is alive as long as the service says so', async () => {
    const server = await start();
    const { status, body } = await fetchFrom(server, '/livez?verbose');
    assert.deepEqual([status, body], [200, 'ok\n']);
    await server.close();
  });

  test('is not alive when the service hangs', async () => {
    const server = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      health: { alive: () => false, checks: () => [] },
      fenced: notFenced,
      registry: metrics.registry,
    });
    assert.equal((await fetchFrom(server, '/livez')).status, 503);
    await server.close();
  });

  test('says whether writers may be let in, and why not', async () => {
    let answer = notFenced();
    const server = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      health: { alive: () => true, checks: () => [] },
      fenced: () => answer,
      registry: metrics.registry,
    });
    const standby = await fetchFrom(server, '/fenced');
    assert.deepEqual([standby.status, JSON.parse(standby.body)], [503, answer]);
    answer = { fenced: true, reason: 'handed over' };
    const primary = await fetchFrom(server, '/fenced');
    assert.deepEqual([primary.status, JSON.parse(primary.body)], [200, answer]);
    await server.close();
  });

  test('is ready when every check holds, and lists them', async () => {
    const server = await start([
      { name: 'kafka', ok: true, detail: 'read to the end' },
      { name: 'postgres', ok: true, detail: 'standby' },
    ]);
    const { status, body, headers } = await fetchFrom(server, '/readyz');
    assert.equal(status, 200);
    assert.equal(body, 'ok kafka: read to the end\nok postgres: standby\n');
    assert.match(headers.get('content-type') ?? '', /^text\/plain/);
    await server.close();
  });

  test('is not ready when a check fails, and has one line for each failed one', async () => {
    const server = await start([
      { name: 'kafka', ok: false, detail: 'no broker\nanswered' },
      { name: 'postgres', ok: true, detail: 'standby' },
      { name: 'topic', ok: false, detail: 'missing' },
    ]);
    const { status, body } = await fetchFrom(server, '/readyz');
    assert.equal(status, 503);
    assert.equal(body, 'failed kafka: no broker answered\nfailed topic: missing\n');
    await server.close();
  });

  test('serves the metrics in the format of Prometheus', async () => {
    const server = await start();
    metrics.epoch.set(7);
    const { status, body, headers } = await fetchFrom(server, '/metrics');
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /version=0\.0\.4/);
    assert.match(body, /^slotcast_publisher_epoch 7$/m);
    assert.match(body, /^slotcast_build_info\{.*service="publisher".*\} 1$/m);
    assert.match(body, /^process_resident_memory_bytes /m);
    await server.close();
  });

  test('answers 404 elsewhere, 405 to other methods, 500 when a check throws', async () => {
    const server = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      health: {
        alive: () => true,
        checks: () => {
          throw new Error('broken check');
        },
      },
      fenced: notFenced,
      registry: metrics.registry,
    });
    assert.equal((await fetchFrom(server, '/')).status, 404);
    assert.equal((await fetchFrom(server, '/livez', { method: 'POST' })).status, 405);
    const failed = await fetchFrom(server, '/readyz');
    assert.deepEqual([failed.status, failed.body], [500, 'broken check\n']);
    assert.equal((await fetchFrom(server, '/livez', { method: 'HEAD' })).status, 200);
    await server.close();
  });

  test('closes at once although a client is in the middle of its request', async () => {
    const server = await start();
    assert.ok(server.address !== undefined);
    const client = connect(server.address.port, server.address.host);
    await once(client, 'connect');
    client.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\n');
    await once(client, 'data');
    const closed = new Promise((resolve) => client.once('close', resolve));
    // A reset is one way in which the server may end it.
    client.on('error', () => undefined);
    const before = performance.now();
    await server.close();
    assert.ok(performance.now() - before < 10_000);
    client.resume();
    await closed;
  });

  test('says which address it could not have', async () => {
    const first = await start();
    assert.ok(first.address !== undefined);
    await assert.rejects(
      startHttpServer({
        listen: first.address,
        health: { alive: () => true, checks: () => [] },
        fenced: notFenced,
        registry: metrics.registry,
      }),
      (error) =>
        error instanceof SlotcastError &&
        error.code === 'SC_HTTP_LISTEN' &&
        error.message.includes(`127.0.0.1:${first.address?.port}`),
    );
    await first.close();
  });

  test('answers a command with the code of its error, and with a code when it has none', async () => {
    const server = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      health: { alive: () => true, checks: () => [] },
      fenced: notFenced,
      registry: metrics.registry,
      commands: new Map([
        ['/odd', () => Promise.reject(new SlotcastError('SC_USAGE', 'odd'))],
        ['/away', () => Promise.reject(new SlotcastError('SC_KAFKA_UNREACHABLE', 'away'))],
        ['/broken', () => Promise.reject(new TypeError('broken'))],
      ]),
    });
    const ask = async (path: string) => {
      const { status, body } = await fetchFrom(server, path, {
        method: 'POST',
        headers: { [COMMAND_HEADER]: '1' },
      });
      const answer: unknown = JSON.parse(body);
      assert.ok(typeof answer === 'object' && answer !== null && 'error' in answer);
      const { error } = answer;
      assert.ok(typeof error === 'object' && error !== null && 'code' in error && 'message' in error);
      return [status, error.code, error.message];
    };
    assert.deepEqual(await ask('/odd'), [400, 'SC_USAGE', 'odd']);
    assert.deepEqual(await ask('/away'), [409, 'SC_KAFKA_UNREACHABLE', 'away']);
    assert.deepEqual(await ask('/broken'), [500, 'SC_UNEXPECTED', 'broken']);
    await server.close();
  });

  test('takes a command back when its client goes away', async () => {
    const asked = new Doorbell();
    let given: AbortSignal | undefined;
    const server = await startHttpServer({
      listen: { host: '127.0.0.1', port: 0 },
      health: { alive: () => true, checks: () => [] },
      fenced: notFenced,
      registry: metrics.registry,
      commands: new Map([
        [
          '/wait',
          async (_query, signal) => {
            given = signal;
            asked.ring();
            await once(signal, 'abort');
            return {};
          },
        ],
      ]),
    });
    const client = new AbortController();
    const headers = { [COMMAND_HEADER]: '1' };
    const lost = fetchFrom(server, '/wait', { method: 'POST', headers, signal: client.signal });
    try {
      const patience = AbortSignal.timeout(5000);
      await asked.wait(5000, patience);
      client.abort();
      await assert.rejects(lost);
      assert.ok(given !== undefined);
      if (!given.aborted) {
        await once(given, 'abort', { signal: patience });
      }
    } finally {
      await server.close();
    }
  });

  test('does not listen when off', async () => {
    const server = await startHttpServer({
      listen: 'off',
      health: { alive: () => true, checks: () => [] },
      fenced: notFenced,
      registry: metrics.registry,
    });
    assert.equal(server.address, undefined);
    await server.close();
  });
});
