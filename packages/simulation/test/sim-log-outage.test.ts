import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type EventLog,
  LogUnavailableError,
  type NewRecord,
  OutcomeUnknownError,
  readTo,
  WriterFencedError,
} from '@slotcast/event-log';
import { SimBroker } from '../src/log/sim-broker.ts';
import { SimLog } from '../src/log/sim-log.ts';
import type { Process } from '../src/world/process.ts';
import { SimWorld } from '../src/world/sim-world.ts';

const TOPIC = 'topic';
const never = new AbortController().signal;

interface Client {
  readonly process: Process;
  readonly log: EventLog;
  setLink(state: 'up' | 'refusing' | 'silent'): void;
}

class Scene {
  readonly world = new SimWorld(11);
  readonly broker = new SimBroker(this.world, () => this.world.now);

  constructor() {
    this.broker.createTopic({ topic: TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
  }

  client(name: string): Client {
    const process = this.world.spawn(name);
    const link = this.world.link(`kafka:${name}`);
    const log = new SimLog(this.broker, { world: this.world, process, link });
    return { process, log, setLink: (state) => link.set(state) };
  }

  /** What a client does, and when it ended: `done` or the name of the error. */
  do({ process }: Client, work: () => Promise<unknown>): { outcome: string; at: number } {
    const result = { outcome: 'waiting', at: Number.NaN };
    const end = (outcome: string): void => {
      result.outcome = outcome;
      result.at = this.world.now;
    };
    this.world.after(
      0,
      () =>
        work().then(
          () => end('done'),
          (error: Error) => end(error.name),
        ),
      process,
    );
    return result;
  }

  /** The values that are committed. */
  get values(): readonly string[] {
    return (this.broker.topic(TOPIC)?.committed ?? []).map(({ value }) =>
      new TextDecoder().decode(value ?? undefined),
    );
  }
}

function record(value: string): NewRecord {
  const bytes = new TextEncoder().encode(value);
  return { topic: TOPIC, key: bytes, value: bytes, headers: new Map() };
}

describe('the log of the simulation, with faults', { timeout: 20_000 }, () => {
  test('what brokers do not answer fails when the client gives up, and never happens later', async () => {
    for (const state of ['silent', 'refusing'] as const) {
      const scene = new Scene();
      const client = scene.client('p');
      client.setLink(state);
      const ended = scene.do(client, () => client.log.claim('id'));
      await scene.world.run(30_000);
      assert.equal(ended.outcome, LogUnavailableError.name);
      assert.equal(Math.round(ended.at), 12_000);
      const other = scene.client('other');
      const wrote = scene.do(other, async () => {
        const writer = await other.log.claim('id');
        client.setLink('up');
        await writer.append([record('1')]);
        await writer.append([record('2')]);
      });
      await scene.world.run(5_000);
      assert.equal(wrote.outcome, 'done');
    }
  });

  test('brokers that are back in time are not missed', async () => {
    for (const state of ['silent', 'refusing'] as const) {
      const scene = new Scene();
      const client = scene.client('p');
      client.setLink(state);
      const ended = scene.do(client, () => client.log.endOffset(TOPIC));
      scene.world.after(8_000, () => client.setLink('up'));
      await scene.world.run(10_000);
      assert.equal(ended.outcome, 'done');
    }
  });

  test('an append whose answer is lost is there, and its writer does not know', async () => {
    const scene = new Scene();
    const client = scene.client('p');
    scene.world.on({ process: 'p', kind: 'kafka.commit', nth: 1, moment: 'after' }, () =>
      client.setLink('silent'),
    );
    const ended = scene.do(client, async () => (await client.log.claim('id')).append([record('1')]));
    await scene.world.run(20_000);
    assert.equal(ended.outcome, OutcomeUnknownError.name);
    assert.deepEqual(scene.values, ['1']);
  });

  test('records whose answer was lost are sent again, and are there once', async () => {
    const scene = new Scene();
    const client = scene.client('p');
    scene.world.on({ process: 'p', kind: 'kafka.produce', nth: 1, moment: 'after' }, () => {
      client.setLink('refusing');
      scene.world.after(2_000, () => client.setLink('up'));
    });
    const ended = scene.do(client, async () => (await client.log.claim('id')).append([record('1')]));
    await scene.world.run(8_000);
    assert.equal(ended.outcome, 'done');
    assert.deepEqual(scene.values, ['1']);
  });

  test('a writer that dies before its commit hides what follows until the broker looks', async () => {
    const scene = new Scene();
    const [client, other] = [scene.client('p'), scene.client('other')];
    scene.world.on({ process: 'p', kind: 'kafka.commit', nth: 1, moment: 'before' }, () =>
      client.process.kill(),
    );
    scene.do(client, async () => (await client.log.claim('id')).append([record('lost')]));
    await scene.world.run(1_000);
    const began = scene.world.now;
    const read = scene.do(other, async () => {
      await (await other.log.claim('other')).append([record('behind')]);
      const reader = await other.log.read(TOPIC, 'beginning');
      await readTo({
        reader,
        end: await other.log.writtenEnd(TOPIC),
        onRecords: async () => undefined,
        signal: never,
      });
    });
    await scene.world.run(60_000);
    assert.equal(read.outcome, 'done');
    assert.ok(read.at - began > 8_900 && read.at - began < 20_000, `after ${read.at - began} ms`);
    assert.deepEqual(scene.values, ['behind']);
  });

  test('a claim between the two steps of an append fences it', async () => {
    const scene = new Scene();
    const client = scene.client('p');
    scene.world.on({ process: 'p', kind: 'kafka.produce', nth: 1, moment: 'after' }, () => {
      scene.broker.claim('id');
    });
    const ended = scene.do(client, async () => (await client.log.claim('id')).append([record('zombie')]));
    await scene.world.run(5_000);
    assert.equal(ended.outcome, WriterFencedError.name);
    assert.deepEqual(scene.values, []);
  });

  test('a reader waits while the brokers are away, and misses nothing', async () => {
    const scene = new Scene();
    const [client, other] = [scene.client('p'), scene.client('other')];
    const ended = scene.do(client, async () => {
      const reader = await client.log.read(TOPIC, 'beginning');
      await readTo({ reader, end: 4n, onRecords: async () => undefined, signal: never });
    });
    await scene.world.run(100);
    client.setLink('refusing');
    scene.do(other, async () => {
      const writer = await other.log.claim('other');
      await writer.append([record('1')]);
      await writer.append([record('2')]);
    });
    await scene.world.run(60_000);
    assert.equal(ended.outcome, 'waiting');
    client.setLink('up');
    await scene.world.run(5_000);
    assert.equal(ended.outcome, 'done');
  });

  test('a reader gives up when the brokers were away for ten minutes', async () => {
    const scene = new Scene();
    const client = scene.client('p');
    const ended = scene.do(client, async () => (await client.log.read(TOPIC, 'beginning')).next(never));
    await scene.world.run(100);
    client.setLink('silent');
    await scene.world.run(599_000);
    assert.equal(ended.outcome, 'waiting');
    await scene.world.run(2_000);
    assert.equal(ended.outcome, LogUnavailableError.name);
  });
});
