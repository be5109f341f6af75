import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn, parseSlotName, type SlotEvent, timeline } from '@slotcast/domain';
import { EventTable, printable } from 'slotcast';

const origin = {
  lsn: lsn(0x16_b374_d848n),
  timeline: timeline(3),
  epoch: 7,
  seq: 2,
  node: 'db1',
  time: Date.UTC(2026, 0, 31, 11, 59, 58, 20),
};

const name = parseSlotName('orders_cdc');

const event: SlotEvent = {
  kind: 'slot',
  op: 'update',
  slot: name,
  incarnation: { epoch: 6, seq: 1 },
  state: {
    name,
    type: 'logical',
    plugin: 'pgoutput',
    database: 'orders',
    databaseOid: 16_384,
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn: lsn(0x16_b374_d000n),
    confirmedFlushLsn: lsn(0x16_b374_d840n),
    catalogXmin: 740,
    walStatus: 'reserved',
    active: true,
  },
  ...origin,
};

function logged(content: SlotEvent | { kind: 'malformed'; key: string; reason: string }) {
  return { offset: 12n, timestamp: Date.UTC(2026, 0, 31), content };
}

describe('events in columns', { timeout: 5000 }, () => {
  test('stand under their heads', () => {
    const table = new EventTable();
    const head = table.head();
    const row = table.row(logged(event));
    for (const [column, value] of [
      ['op', 'update'],
      ['slot', 'orders_cdc'],
      ['lsn', '16/B374D848'],
      ['confirmed_flush', '16/B374D840'],
      ['restart', '16/B374D000'],
      ['epoch.seq', '7.2'],
      ['node', 'db1'],
    ] as const) {
      assert.equal(row.indexOf(value), head.indexOf(`  ${column}`) + 2, column);
    }
  });

  test('stay aligned after a value that was too wide', () => {
    const table = new EventTable();
    const long = parseSlotName('a'.repeat(60));
    const wide = table.row(logged({ ...event, slot: long }));
    assert.equal(table.row(logged(event)).indexOf('16/B374D848'), wide.indexOf('16/B374D848'));
  });

  test('show of a malformed record why, without widening the columns', () => {
    const table = new EventTable();
    const before = table.row(logged(event));
    const row = table.row(
      logged({ kind: 'malformed', key: 'k', reason: `bad\u001b[31m ${'x'.repeat(100)}` }),
    );
    assert.match(row, /malformed {2,}k: bad\\u\{1b\}\[31m x/);
    assert.equal(table.row(logged(event)), before);
  });
});

test('text for a terminal has no control characters', { timeout: 5000 }, () => {
  assert.equal(printable('a\u0007b\nö'), 'a\\u{7}b\\u{a}ö');
});
