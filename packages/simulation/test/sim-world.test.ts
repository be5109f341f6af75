import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SimWorld } from '../src/world/sim-world.ts';

/** Does three things one after the other, and tells of each. */
async function work(world: SimWorld, process: ReturnType<SimWorld['spawn']>, told: string[]): Promise<void> {
  for (const step of ['one', 'two', 'three']) {
    await world.call(process, step, () => told.push(`${step} done`), { ms: 2 });
    told.push(`${step} answered`);
  }
}

function start(world: SimWorld): { process: ReturnType<SimWorld['spawn']>; told: string[] } {
  const process = world.spawn('p', 'a');
  const told: string[] = [];
  world.after(0, () => void work(world, process, told), process);
  return { process, told };
}

async function draw(seed: number): Promise<unknown[]> {
  const world = new SimWorld(seed);
  const drawn: unknown[] = [];
  world.after(1, () => drawn.push(randomUUID(), Math.random(), randomUUID()), world.spawn('p'));
  await world.run(2);
  return drawn;
}

/** When the calls of one process have their effects, beside others. */
async function timesBeside(others: number): Promise<number[]> {
  const world = new SimWorld(9);
  const seen: number[] = [];
  for (let index = 0; index < others; index += 1) {
    const other = world.spawn(`other${index}`);
    world.after(0, () => world.call(other, 'look', () => undefined), other);
  }
  const process = world.spawn('p');
  const look = async (): Promise<void> => {
    for (let round = 0; round < 5; round += 1) {
      await world.call(process, 'look', () => seen.push(world.now));
    }
  };
  world.after(0, look, process);
  await world.run(10_000);
  return seen;
}

function refused(): Error {
  return new Error('refused');
}

describe('time', () => {
  test('timers come in order, and no time of the machine passes', async () => {
    const world = new SimWorld(1);
    const process = world.spawn('p', 'a');
    const told: string[] = [];
    world.after(
      0,
      () => {
        setTimeout(() => told.push(`hour ${performance.now()}`), 3_600_000);
        setTimeout(() => told.push('never'), 10_000_000);
        clearTimeout(setTimeout(() => told.push('cleared'), 5));
        void sleep(500).then(() => told.push(`sleep ${world.now} ${Date.now()}`));
      },
      process,
    );
    const began = performance.now();
    await world.run(4_000_000);
    assert.deepEqual(told, ['sleep 500 1700000000500', 'hour 3600000']);
    assert.ok(performance.now() - began < 5_000);
  });

  test('a clock that is off is off for its node only', async () => {
    const world = new SimWorld(1);
    world.skewMs.set('a', -2_000);
    const seen: number[] = [];
    for (const node of ['a', 'b']) {
      world.after(10, () => seen.push(Date.now()), world.spawn(`p@${node}`, node));
    }
    await world.run(20);
    assert.deepEqual(seen, [1_699_999_998_010, 1_700_000_000_010]);
  });

  test('ids and chance are those of the seed', async () => {
    assert.deepEqual(await draw(5), await draw(5));
    assert.notDeepEqual(await draw(5), await draw(6));
  });

  test('what would bring the time of the machine in throws', async () => {
    const world = new SimWorld(1);
    world.after(1, () => void AbortSignal.timeout(5));
    await assert.rejects(world.run(2), /time of the machine/);
    assert.ok(!AbortSignal.timeout(60_000).aborted);
  });

  test('a process that calls without a pause ends the run', async () => {
    const world = new SimWorld(1);
    const process = world.spawn('p');
    world.after(
      0,
      async () => {
        for (;;) {
          await world.call(process, 'look', () => undefined, { ms: 0 });
        }
      },
      process,
    );
    await assert.rejects(world.run(2_000), /more than 5000 calls/);
  });
});

describe('processes', () => {
  test('a killed process goes no further, and takes back what it holds', async () => {
    const world = new SimWorld(1);
    const { process, told } = start(world);
    process.onDeath(() => told.push('dead'));
    world.on({ process: 'p', kind: 'two', nth: 1, moment: 'after' }, () => process.kill());
    await world.run(100);
    assert.deepEqual(told, ['one done', 'one answered', 'two done', 'dead']);
  });

  test('a process that is killed before its call never made it', async () => {
    const world = new SimWorld(1);
    const { process, told } = start(world);
    world.on({ process: 'p', kind: 't*', nth: 2, moment: 'before' }, () => process.kill());
    await world.run(100);
    assert.deepEqual(told, ['one done', 'one answered', 'two done', 'two answered']);
  });

  test('a frozen process goes on where it was when it wakes', async () => {
    const world = new SimWorld(1);
    const { process, told } = start(world);
    world.on({ process: 'p', kind: 'two', nth: 1, moment: 'before' }, () => process.freeze());
    await world.run(1_000);
    assert.deepEqual(told, ['one done', 'one answered']);
    world.wake(process);
    await world.run(100);
    assert.equal(told.at(-1), 'three answered');
    assert.equal(told.length, 6);
  });

  test('the latencies of one process do not depend on what others do', async () => {
    assert.deepEqual(await timesBeside(0), await timesBeside(4));
  });
});

describe('links', () => {
  test('over a silent link a call arrives when the link is up again', async () => {
    const world = new SimWorld(1);
    const process = world.spawn('p');
    const link = world.link('p-a');
    const told: string[] = [];
    link.set('silent');
    world.after(
      0,
      async () => {
        await world.call(process, 'look', () => told.push('done'), { link });
        told.push(`answered ${world.now >= 500}`);
      },
      process,
    );
    world.after(500, () => link.set('up'));
    await world.run(499);
    assert.deepEqual(told, []);
    await world.run(1_000);
    assert.deepEqual(told, ['done', 'answered true']);
  });

  test('a link that is cut after the effect loses the answer', async () => {
    const world = new SimWorld(1);
    const process = world.spawn('p');
    const link = world.link('p-a');
    const told: string[] = [];
    world.on({ process: 'p', kind: 'write', nth: 1, moment: 'after' }, () => link.set('refusing'));
    world.after(
      0,
      async () => {
        for (const kind of ['write', 'look']) {
          await world
            .call(process, kind, () => told.push(`${kind} done`), { link, refused })
            .catch((error: Error) => told.push(`${kind} ${error.message}`));
        }
      },
      process,
    );
    await world.run(1_000);
    assert.deepEqual(told, ['write done', 'write refused', 'look refused']);
  });

  test('what ends later is refused when the link is cut meanwhile', async () => {
    const world = new SimWorld(1);
    const process = world.spawn('p');
    const link = world.link('p-a');
    const told: string[] = [];
    const pending = world.pending<string>();
    const ask = (): Promise<unknown> =>
      world
        .call(process, 'wait', () => pending, { link, refused: refused })
        .then((value) => told.push(value))
        .catch((error: Error) => told.push(error.message));
    world.after(0, () => void ask(), process);
    world.after(10, () => link.set('refusing'));
    world.after(20, () => pending.settle('too late'));
    await world.run(1_000);
    assert.deepEqual(told, ['refused']);
  });
});
