import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Doorbell } from '@slotcast/kernel';

const timeout = 5000;
const never = 60_000;

test('a ring ends a wait under way', { timeout }, async () => {
  const bell = new Doorbell();
  const waiting = bell.wait(never, new AbortController().signal);
  bell.ring();
  assert.equal(await waiting, true);
});

test('a ring while nobody waits is kept for the next wait, and only for that', { timeout }, async () => {
  const bell = new Doorbell();
  const { signal } = new AbortController();
  bell.ring();
  assert.equal(await bell.wait(never, signal), true);
  assert.equal(await bell.wait(1, signal), false);
});

test('an aborted signal ends the wait with its reason', { timeout }, async () => {
  const stop = new AbortController();
  const waiting = new Doorbell().wait(never, stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, { message: 'stopped' });
});
