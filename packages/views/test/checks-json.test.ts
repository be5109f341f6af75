import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failed, ok } from '@slotcast/domain';
import { checksJson } from '@slotcast/views';

test('a check as JSON is its five fields, in the order of the page', { timeout: 5000 }, () => {
  const checks = [
    failed('wal_level', 'wal_level is replica', 'set it to logical'),
    { ...ok('kafka_clock', 'the clocks agree'), more: 'of another version' },
  ];
  assert.deepEqual(checksJson(checks), [
    {
      area: 'server',
      check: 'wal_level',
      outcome: 'failed',
      message: 'wal_level is replica',
      remedy: 'set it to logical',
    },
    { area: 'kafka', check: 'kafka_clock', outcome: 'ok', message: 'the clocks agree', remedy: '' },
  ]);
  assert.deepEqual(Object.keys(checksJson(checks)[0] ?? {}), [
    'area',
    'check',
    'outcome',
    'message',
    'remedy',
  ]);
});
