import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@slotcast/observability';

test('log lines are JSON with the time, the level by name, and the fields of parent and child', {
  timeout: 5000,
}, () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    fields: { service: 'publisher', node: 'db1' },
    stream: { write: (line) => lines.push(line) },
  });
  logger.debug('not shown');
  logger.child({ slot: 's' }).warn({ lsn: '0/1' }, 'moved');
  assert.equal(lines.length, 1);
  const line: unknown = JSON.parse(lines[0] ?? '');
  assert.ok(typeof line === 'object' && line !== null && 'time' in line);
  const { time, ...rest } = line;
  assert.deepEqual(rest, {
    level: 'warn',
    service: 'publisher',
    node: 'db1',
    slot: 's',
    lsn: '0/1',
    msg: 'moved',
  });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});
