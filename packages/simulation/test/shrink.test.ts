import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Act, Story } from '../src/story/act.ts';
import { shrink } from '../src/story/shrink.ts';

const noise: Act[] = Array.from({ length: 30 }, (_, index) => ({ kind: 'write', rows: index + 1 }));

function storyOf(acts: readonly Act[]): Story {
  const slots = [
    { name: 'app', memory: 'own' },
    { name: 'other', memory: 'slot' },
  ] as const;
  return { version: 1, seed: 1, cast: { nodes: ['a', 'b', 'c'], slots, onDivergence: 'fence' }, acts };
}

/** True when b is promoted after a was crashed, with at least 300 ms between. */
function fails({ acts, cast }: Story): Promise<boolean> {
  const crash = acts.findIndex((act) => act.kind === 'crash');
  const promotion = acts.findIndex((act) => act.kind === 'promote');
  const between = acts
    .slice(crash, promotion)
    .reduce((sum, act) => sum + (act.kind === 'wait' ? act.ms : 0), 0);
  return Promise.resolve(
    crash >= 0 && promotion > crash && between >= 300 && cast.slots.some(({ name }) => name === 'app'),
  );
}

describe('a story that fails', () => {
  const long = storyOf([
    ...noise,
    { kind: 'crash', node: 'a' },
    ...noise,
    { kind: 'wait', ms: 5000 },
    { kind: 'kill', node: 'c', service: 'publisher' },
    { kind: 'promote', node: 'b' },
    ...noise,
  ]);

  it('is shrunk to the acts that matter, short waits, and those who take part', async () => {
    const shrunk = await shrink(long, { fails, runs: 400 });
    assert.deepEqual(
      shrunk.acts.map(({ kind }) => kind),
      ['crash', 'wait', 'promote'],
    );
    const [, wait] = shrunk.acts;
    assert.ok(wait?.kind === 'wait' && wait.ms >= 300 && wait.ms <= 700);
    assert.deepEqual(
      shrunk.cast.slots.map(({ name }) => name),
      ['app'],
    );
    assert.deepEqual(shrunk.cast.nodes, ['a', 'b']);
  });

  it('is left as far as it came, when no more runs are allowed', async () => {
    let runs = 0;
    const counted = (story: Story): Promise<boolean> => {
      runs += 1;
      return fails(story);
    };
    const shrunk = await shrink(long, { fails: counted, runs: 5 });
    assert.equal(runs, 5);
    assert.equal(await fails(shrunk), true);
  });
});
