import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { describeKafkaFailure, type EventLog, LogUnavailableError } from '@slotcast/event-log';
import { freePort, sharedKafka, uniqueName } from '@slotcast/testkit';
import { createTopic, readAll, record, shown } from '../contract-context.ts';
import { connectTo } from './harness.ts';

/** A listener that does with connections whatever it is told, and ends them with itself. */
class Listener {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
      onConnection(socket);
    });
  }

  async listen(host = '127.0.0.1'): Promise<string> {
    const port = await freePort();
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  close(): void {
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
  }
}

/** Everything that the services ask of a log, once. */
async function useAll(log: EventLog): Promise<void> {
  const topic = await createTopic(log, uniqueName('topic'));
  assert.equal((await log.describeTopic(topic))?.partitions, 1);
  const writer = await log.claim(uniqueName('writer'));
  await writer.append([record(topic, 'a', '1')]);
  const reader = await log.read(topic, 'beginning');
  assert.deepEqual(shown(await readAll(log, reader, topic)), ['a=1']);
  assert.equal(await log.writtenEnd(topic), await log.endOffset(topic));
  await Promise.all([reader.close(), writer.close()]);
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function failureOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => {
      assert.ok(error instanceof LogUnavailableError, String(error));
      return error;
    },
  );
}

describe('Kafka behind bootstrap servers of which some are not well', { concurrency: true }, () => {
  const silent = new Listener(() => undefined);
  const closing = new Listener((socket) => socket.end());
  let silentAddress = '';
  let closingAddress = '';
  let kafka = '';

  before(async () => {
    kafka = await sharedKafka();
    [silentAddress, closingAddress] = [await silent.listen(), await closing.listen()];
  });

  after(() => {
    silent.close();
    closing.close();
  });

  test('works within seconds when one accepts connections and never answers, and is not asked there again', {
    timeout: 180_000,
  }, async () => {
    const log = connectTo(kafka, { brokers: [silentAddress, kafka] });
    // Whoever begins there waits once; all that comes after it does not.
    const found = await timeOf(async () => {
      await Promise.all([log.clusterId(), log.clusterId()]);
    });
    assert.ok(found < 5_000, `it took ${found} ms`);
    const used = await timeOf(() => useAll(log));
    assert.ok(used < 2_400, `it took ${used} ms`);
    await log.close();
  });

  test('works when one closes connections without an answer, or nobody listens', {
    timeout: 180_000,
  }, async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const log = connectTo(kafka, { brokers: [closingAddress, nobody, kafka] });
    const used = await timeOf(() => useAll(log));
    assert.ok(used < 3_000, `it took ${used} ms`);
    await log.close();
  });

  test('is reached at an IPv6 address', { timeout: 180_000 }, async () => {
    const [host = '', port] = kafka.split(':');
    const forward = new Listener((socket) => {
      const broker = connect(Number(port), host);
      broker.on('error', () => socket.destroy()).once('close', () => socket.destroy());
      socket.once('close', () => broker.destroy());
      socket.pipe(broker).pipe(socket);
    });
    const log = connectTo(kafka, { brokers: [await forward.listen('::1')] });
    await useAll(log);
    await log.close();
    forward.close();
  });

  test('fails in bounded time with what is the matter when none is well', { timeout: 180_000 }, async () => {
    const operationTimeoutMs = 3_000;
    const nobody = `127.0.0.1:${await freePort()}`;
    const cases: readonly (readonly [string, Partial<Parameters<typeof connectTo>[1]>, RegExp, RegExp])[] = [
      [silentAddress, {}, /accepted the connection but did not answer/, /does not answer/],
      [closingAddress, {}, /closed the connection without an answer/, /KAFKA_SECURITY_PROTOCOL/],
      [nobody, {}, /ECONNREFUSED/, /brokers run/],
      ['nowhere.invalid:9092', {}, /nowhere\.invalid/, /names of hosts/],
      [kafka, { ssl: true }, /TLS/, /KAFKA_SECURITY_PROTOCOL/],
    ];
    await Promise.all(
      cases.map(async ([address, options, text, remedy]) => {
        const log = connectTo(address, { operationTimeoutMs, ...options });
        const started = performance.now();
        const failures = await Promise.all([failureOf(log.clusterId()), failureOf(log.claim('writer'))]);
        const ms = performance.now() - started;
        assert.ok(ms < operationTimeoutMs + 1_000, `${address} took ${ms} ms`);
        for (const failure of failures) {
          assert.match(failure.message, text);
          assert.match(describeKafkaFailure(failure).remedy, remedy);
        }
        await log.close();
      }),
    );
  });
});
