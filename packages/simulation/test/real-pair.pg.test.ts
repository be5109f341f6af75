import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Player } from './real-pair-player.ts';
import { RealSide, TwinSide, WRITERS } from './real-pair-sides.ts';
import { type Step, Story } from './real-pair-story.ts';

const STEPS = Number(process.env['REAL_PAIR_STEPS'] ?? 30);
const SEEDS = (process.env['REAL_PAIR_SEEDS'] ?? '1 2').split(' ').map(Number);

/** What became of a step, as far as both have to agree: the error's SQLSTATE, or what is no object. */
async function outcomeOf(player: Player, step: Step): Promise<unknown> {
  try {
    const value = await step(player);
    return typeof value === 'string' ? value : 'done';
  } catch (error) {
    assert.ok(error instanceof Error);
    return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`;
  }
}

async function compare(real: Player, twin: Player, told: readonly string[]): Promise<void> {
  for (const server of ['a', 'b'] as const) {
    const [expected, actual] = await Promise.all([real.places(server), twin.places(server)]);
    assert.deepEqual(actual, expected, `slots of ${server} after:\n${told.join('\n')}`);
  }
}

async function play(seed: number): Promise<void> {
  await using realSide = await RealSide.start();
  const real = new Player(realSide);
  const twin = new Player(new TwinSide(seed));
  const players = [twin, real];
  await Promise.all(players.map(({ side }) => side.checkpoint('a')));
  await Promise.all(players.map((player) => player.mark()));
  const story = new Story(seed);
  const told: string[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const [what, work] = story.next(real.marks.length);
    told.push(`${real.marks.length}: ${what}`);
    const [ofTwin, ofReal] = await Promise.all(players.map((player) => outcomeOf(player, work)));
    told.push(`   ${String(ofReal)}`);
    assert.equal(ofTwin, ofReal, told.join('\n'));
    await Promise.all(players.map((player) => player.mark()));
    await compare(real, twin, told);
  }
  await Promise.all(players.map((player) => player.promote()));
  for (const writer of WRITERS) {
    await Promise.all(players.map((player) => player.side.write(writer, [1_000 + writer])));
    await Promise.all(players.map((player) => player.side.commit(writer)));
  }
  await Promise.all(players.map((player) => player.side.settle()));
  for (const { name } of await real.places('b')) {
    const [ofTwin, ofReal] = await Promise.all(players.map((player) => player.side.content('b', name)));
    assert.deepEqual(ofTwin, ofReal, `rows of ${name} after:\n${told.join('\n')}`);
  }
}

describe('the twin and a real pair of servers of 18 do the same, step by step', () => {
  for (const seed of SEEDS) {
    it(`in the history of seed ${seed}`, { timeout: 120_000 }, () => play(seed));
  }
});
