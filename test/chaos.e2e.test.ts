import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChaos } from './chaos/chaos.ts';
import { testRounds, testSeed } from './support/random-source.ts';

test('no subscriber skips a row in silence, whatever fails around a promotion', {
  timeout: 590_000,
}, async (context) => {
  const { findings, rounds, told } = await runChaos({
    seed: testSeed(),
    minutes: 2 * testRounds(),
    all: false,
    onlyShort: true,
    keepsAll: false,
    say: (line) => context.diagnostic(line),
  });
  context.diagnostic(told);
  assert.deepEqual(findings, []);
  assert.ok(rounds > 0);
});
