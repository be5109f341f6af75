import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Check, failed, info, ok } from '@slotcast/domain';
import { checkReport } from 'slotcast';

const options = { timeout: 5000 };
const ESCAPE = '\u001B';

const checks: readonly Check[] = [
  ok('wal_level', 'wal_level is logical'),
  failed('topics', 'no topic', 'slotcast topic create'),
  info('publisher', 'not known'),
];

test('a report groups the checks by area, with each remedy below its fact', options, () => {
  assert.deepEqual(checkReport(checks, false), [
    'Server',
    '  ok       wal_level  wal_level is logical',
    'Kafka',
    '  failed   topics     no topic',
    '                      slotcast topic create',
    'Cluster',
    '  info     publisher  not known',
    '3 checks: 1 failed, 0 warnings',
  ]);
});

test('a report in colours says the same', options, () => {
  const coloured = checkReport(checks, true).join('\n');
  assert.ok(coloured.includes(`${ESCAPE}[31mfailed `));
  const plain = coloured
    .split(ESCAPE)
    .map((part, index) => (index === 0 ? part : part.replace(/^\[\d+m/, '')));
  assert.equal(plain.join(''), checkReport(checks, false).join('\n'));
});

test('a report shows no control characters of others', options, () => {
  const [, line] = checkReport([ok('wal_level', `steer${ESCAPE}[2J`)], false);
  assert.match(line ?? '', /steer\\u\{1b\}\[2J/);
});
