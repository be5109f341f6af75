import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  backoffMs,
  describeError,
  errorCodes,
  errorText,
  exitCodeOf,
  formatListen,
  parseListen,
  repeatLevel,
  SlotcastError,
  systemClock,
} from '@slotcast/kernel';

const options = { timeout: 5000 };

describe('back-off', options, () => {
  const curve = { initialMs: 100, maxMs: 1000 };

  test('doubles up to the limit when nothing is taken off', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 500].map((failures) => backoffMs(failures, curve, () => 0)),
      [100, 200, 400, 800, 1000, 1000],
    );
  });

  test('takes off at most one half', () => {
    assert.equal(
      backoffMs(5, curve, () => 0.999_999),
      500,
    );
    assert.equal(
      backoffMs(1, { ...curve, factor: 3 }, () => 0.5),
      75,
    );
  });
});

test('the log level rises with repetition', options, () => {
  assert.deepEqual([1, 2, 3, 9, 10, 1000].map(repeatLevel), [
    'info',
    'info',
    'warn',
    'warn',
    'error',
    'error',
  ]);
});

describe('the clock', options, () => {
  test('sleeps for the time that was asked', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(20, new AbortController().signal);
    assert.ok(systemClock.monotonicMs() - before >= 19);
  });

  test('ends a sleep with the reason of the signal', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleep, reason);
    await assert.rejects(systemClock.sleep(1, controller.signal), reason);
  });
});

describe('listen addresses', options, () => {
  test('are read with IPv4, IPv6, names, any host, and off', () => {
    assert.deepEqual(parseListen('127.0.0.1:9477'), { host: '127.0.0.1', port: 9477 });
    assert.deepEqual(parseListen('[::1]:0'), { host: '::1', port: 0 });
    assert.deepEqual(parseListen('localhost:80'), { host: 'localhost', port: 80 });
    assert.deepEqual(parseListen(':9477'), { host: '::', port: 9477 });
    assert.equal(parseListen('off'), 'off');
  });

  test('are refused when they are anything else', () => {
    for (const text of [
      '',
      '9477',
      '127.0.0.1',
      '::1:9477',
      'a b:1',
      'host:65536',
      'http://a:1',
      'host:-1',
    ]) {
      assert.throws(() => parseListen(text), RangeError, text);
    }
  });

  test('are written with IPv6 in brackets', () => {
    assert.equal(formatListen({ host: '::1', port: 1 }), '[::1]:1');
    assert.equal(formatListen({ host: 'a', port: 1 }), 'a:1');
  });
});

describe('errors', options, () => {
  test('carry the exit code and the remedy of their code', () => {
    const error = new SlotcastError('SC_TOPIC_MISSING', 'no topic a');
    assert.equal(error.exitCode, 78);
    assert.equal(error.remedy, errorCodes.SC_TOPIC_MISSING.remedy);
    assert.match(describeError(error), /^no topic a\nRun `slotcast topic create`.*\[SC_TOPIC_MISSING\]$/);
  });

  test('may have a more exact remedy and a cause', () => {
    const cause = new Error('refused');
    const error = new SlotcastError('SC_KAFKA_UNREACHABLE', 'no answer', { remedy: 'start it', cause });
    assert.equal(error.remedy, 'start it');
    assert.equal(error.cause, cause);
    assert.equal(error.exitCode, 1);
  });

  test('without a code stand for exit code 1', () => {
    assert.equal(exitCodeOf(new Error('x')), 1);
    assert.equal(exitCodeOf('x'), 1);
    assert.match(describeError(new Error('x')), /^x\n.*\[SC_UNEXPECTED\]$/);
  });

  test('that hold several show the parts when they have no message of their own', () => {
    assert.equal(errorText(new AggregateError([new Error('a'), new Error('b')])), 'a; b');
    assert.equal(errorText(new TypeError('')), 'TypeError');
  });
});
