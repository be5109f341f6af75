import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlotcastError } from '@slotcast/kernel';
import { BothHalves, type Half } from '@slotcast/node';
import { createLogger, type ReadinessCondition } from '@slotcast/observability';

const options = { timeout: 5000 };
const logger = createLogger({ level: 'silent', fields: {} });
const refusal = new SlotcastError('SC_HIGHER_TIMELINE', 'timeline 3 is published by db2');

const refusedForNow = new SlotcastError('SC_SPLIT_BRAIN', 'db2 has published this timeline first');

const handedOver = () => ({ fenced: true, reason: 'handed over' });

/** A half that works until it is stopped, or fails with what it is told. */
class FakeHalf {
  ended = false;
  alive = true;
  checks: readonly ReadinessCondition[];
  readonly half: Half;
  starts = 0;
  /** Called once what refused it has gone; it rests for good when this is never called. */
  becomeFit: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(name: Half['name'], checks: readonly ReadinessCondition[] = []) {
    this.checks = [{ name, ok: true, detail: 'asleep' }, ...checks];
    const health = { alive: () => this.alive, checks: () => this.checks };
    const service = { health, fenced: handedOver, run: (signal: AbortSignal) => this.#run(signal) };
    this.half = { name, logger, make: () => service, untilFit: (refusal) => this.#untilFit(refusal) };
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  async #untilFit(refusal: unknown): Promise<boolean> {
    if (refusal !== refusedForNow) {
      return false;
    }
    await new Promise<void>((resolve) => {
      this.becomeFit = resolve;
    });
    return true;
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.starts += 1;
    this.ended = false;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        signal.addEventListener('abort', () => resolve());
      });
    } finally {
      this.ended = true;
    }
  }
}

function start() {
  const publisher = new FakeHalf('publisher');
  const consumer = new FakeHalf('consumer', [
    { name: 'publisher', ok: false, detail: 'last heard of 90 s ago' },
  ]);
  const stop = new AbortController();
  const node = new BothHalves([publisher.half, consumer.half]);
  const running = node.run(stop.signal);
  return { publisher, consumer, node, running, stop };
}

test('both halves end in order when the node is stopped', options, async () => {
  const { publisher, consumer, running, stop } = start();
  stop.abort(new Error('stop'));
  await running;
  assert.deepEqual([publisher.ended, consumer.ended], [true, true]);
});

test('the checks of both halves are told apart', options, async () => {
  const { node, running, stop } = start();
  assert.equal(node.fenced().fenced, true);
  assert.deepEqual(
    node.health.checks().map(({ name, ok }) => `${name} ${ok}`),
    ['publisher true', 'consumer true', 'consumer.publisher false'],
  );
  stop.abort();
  await running;
});

test(
  'a half that is refused for good rests, and the other goes on: not ready, and it says why',
  options,
  async () => {
    const { publisher, consumer, node, running, stop } = start();
    publisher.fail(refusal);
    await sleep(0);
    publisher.alive = false;
    assert.deepEqual([publisher.ended, consumer.ended], [true, false]);
    const [check] = node.health.checks();
    assert.equal(check?.ok, false);
    assert.match(check?.detail ?? '', /^refused: timeline 3 is published by db2$/);
    assert.equal(node.fenced().fenced, false, 'another server is the primary');
    assert.equal(node.health.alive(), true, 'what rests does not hang');
    consumer.alive = false;
    assert.equal(node.health.alive(), false);
    stop.abort();
    await running;
  },
);

test('a node whose halves are both refused ends with a refusal', options, async () => {
  const { publisher, consumer, running } = start();
  publisher.fail(refusal);
  await sleep(0);
  consumer.fail(new SlotcastError('SC_DUPLICATE_NODE', 'another process'));
  await assert.rejects(running, refusal);
});

test('a publisher that is refused for want of a topic keeps no writers away', options, async () => {
  const { publisher, node, running, stop } = start();
  publisher.fail(new SlotcastError('SC_TOPIC_RECREATED', 'the topic was made anew'));
  await sleep(0);
  assert.deepEqual([node.health.checks()[0]?.ok, node.fenced().fenced], [false, true]);
  stop.abort();
  await running;
});

test('any other error of one half stops the other, and is what the node ends with', options, async () => {
  for (const failing of ['publisher', 'consumer'] as const) {
    const { publisher, consumer, running } = start();
    const defect = new Error('a defect');
    (failing === 'publisher' ? publisher : consumer).fail(defect);
    await assert.rejects(running, defect);
    assert.deepEqual([publisher.ended, consumer.ended], [true, true]);
  }
});

test('a half whose refusal has gone works again', options, async () => {
  const { publisher, consumer, node, running, stop } = start();
  publisher.fail(refusedForNow);
  await sleep(0);
  assert.equal(node.health.checks()[0]?.ok, false);
  publisher.becomeFit();
  await sleep(0);
  assert.deepEqual([publisher.starts, consumer.starts], [2, 1]);
  assert.equal(node.health.checks()[0]?.ok, true);
  publisher.fail(refusal);
  await sleep(0);
  consumer.fail(refusal);
  await assert.rejects(running, refusal);
  stop.abort();
});
