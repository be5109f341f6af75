import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Player, type SlotPlace } from './real-pair-player.ts';
import { RealSide, type ServerName, TwinSide, WRITERS } from './real-pair-sides.ts';
import { type Step, Story } from './real-pair-story.ts';

const STEPS = Number(process.env['REAL_PAIR_STEPS'] ?? 30);
const SEEDS = (process.env['REAL_PAIR_SEEDS'] ?? '1 2').split(' ').map(Number);
/** So old a real primary is started again. */
const OLD_MS = 9_000;
/** So old it may have written what the twin has not. */
const QUIET_MS = 15_000;

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

async function placesOf(player: Player): Promise<Readonly<Record<ServerName, readonly SlotPlace[]>>> {
  return { a: await player.places('a'), b: await player.places('b') };
}

/** False when the machine was too slow for a comparison to the end. */
async function play(seed: number): Promise<boolean> {
  await using realSide = await RealSide.start();
  const real = new Player(realSide);
  const twin = new Player(new TwinSide(seed));
  const players = [twin, real];
  await Promise.all(players.map(({ side }) => side.checkpoint('a')));
  await Promise.all(players.map((player) => player.mark()));
  const story = new Story(seed);
  const told: string[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const [what, work] = realSide.ageMs > OLD_MS ? story.restart() : story.next(real.marks.length);
    told.push(`${real.marks.length}: ${what}`);
    const [ofTwin, ofReal] = await Promise.all(players.map((player) => outcomeOf(player, work)));
    told.push(`   ${String(ofReal)}`);
    assert.equal(ofTwin, ofReal, told.join('\n'));
    await Promise.all(players.map((player) => player.mark()));
    const places = await Promise.all([placesOf(real), placesOf(twin)]);
    if (realSide.ageMs > QUIET_MS) {
      return false;
    }
    assert.deepEqual(places[1], places[0], told.join('\n'));
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
  return true;
}

describe('the twin and a real pair of servers of 18 do the same, step by step', () => {
  for (const seed of SEEDS) {
    it(`in the history of seed ${seed}`, { timeout: 180_000 }, async (test) => {
      if (!(await play(seed))) {
        test.diagnostic('cut short: the background writer of a slow machine may have written in between');
      }
    });
  }
});
