import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from './chaos/chaos.ts';
import { testRounds, testSeed } from './support/random-source.ts';

test('no subscriber skips a row in silence, whatever fails around a promotion', {
  timeout: 590_000,
}, async (context) => {
  const { findings, rounds } = await runChaos({
    seed: testSeed(),
    minutes: 2 * testRounds(),
    all: false,
    onlyShort: true,
    say: (line) => context.diagnostic(line),
  });
  assert.deepEqual(findings, []);
  assert.ok(rounds > 0);
});
