import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Deadline } from '@slotcast/runtime';

const options = { timeout: 10_000 };

test('a deadline comes when its time is over', options, async () => {
  using deadline = new Deadline(new AbortController().signal, 10);
  await once(deadline.signal, 'abort');
  assert.ok(deadline.expired);
  assert.equal(deadline.signal.reason.name, 'TimeoutError');
});

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
