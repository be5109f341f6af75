import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Deadline } from '@slotcast/kernel';

const options = { timeout: 10_000 };

test('a deadline comes when its time is over', options, async () => {
  using deadline = new Deadline(new AbortController().signal, 10);
  await once(deadline.signal, 'abort');
  assert.ok(deadline.expired);
  assert.equal(deadline.signal.reason.name, 'TimeoutError');
});

test(
  'a race against a deadline is over with the promise, the deadline, or the signal that it is under',
  options,
  async () => {
    const never = new Promise<never>(() => undefined);
    const outer = new AbortController();
    using patient = new Deadline(outer.signal, 60_000);
    assert.equal(await patient.race(Promise.resolve('first')), 'first');
    await assert.rejects(patient.race(Promise.reject(new Error('failed'))), /failed/);
    using short = new Deadline(outer.signal, 10);
    await assert.rejects(short.race(never), { name: 'TimeoutError' });
    const lost = patient.race(never);
    outer.abort(new Error('stopped'));
    await assert.rejects(lost, /stopped/);
    await assert.rejects(patient.race(never), /stopped/);
  },
);

test('a deadline passes on the end of the signal that it is under, with its reason', options, () => {
  const outer = new AbortController();
  using deadline = new Deadline(outer.signal, 60_000);
  const reason = new Error('stopped');
  outer.abort(reason);
  assert.equal(deadline.signal.reason, reason);
  assert.equal(deadline.expired, false);
  using late = new Deadline(outer.signal, 60_000);
  assert.equal(late.signal.reason, reason);
});
