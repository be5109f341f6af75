import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  lsn,
  type Manifest,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import { eventJson } from '@slotcast/views';

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

const manifest: Manifest = {
  kind: 'manifest',
  systemIdentifier: parseSystemIdentifier('7300000000000000001'),
  history: { timeline: timeline(3), ancestors: [{ timeline: timeline(1), switchLsn: lsn(0x300_0000n) }] },
  timelineNode: 'db1',
  instance: 'i',
  lineage: 'l',
  slots: [{ name, incarnation: { epoch: 6, seq: 1 } }],
  ...origin,
};

function logged(content: SlotEvent | Manifest | { kind: 'malformed'; key: string; reason: string }) {
  return { offset: 12n, timestamp: Date.UTC(2026, 0, 31), content };
}

describe('an event as JSON', { timeout: 5000 }, () => {
  test('has its origin, and the whole state with LSNs as text', () => {
    assert.deepEqual(eventJson(logged(event)), {
      offset: 12,
      op: 'update',
      slot: 'orders_cdc',
      lsn: '16/B374D848',
      timeline: 3,
      epoch: 7,
      seq: 2,
      node: 'db1',
      time: '2026-01-31T11:59:58.020Z',
      state: {
        name: 'orders_cdc',
        type: 'logical',
        plugin: 'pgoutput',
        database: 'orders',
        two_phase: false,
        two_phase_at: null,
        failover: false,
        synced: false,
        restart_lsn: '16/B374D000',
        confirmed_flush_lsn: '16/B374D840',
        xmin: null,
        catalog_xmin: 740,
        wal_status: 'reserved',
        invalidation_reason: null,
        active: true,
        incarnation: { epoch: 6, seq: 1 },
      },
    });
  });

  test('of a tombstone has no state', () => {
    const { state: _, ...tombstone } = event;
    const line = eventJson(logged({ ...tombstone, op: 'drop' }));
    assert.equal(line.op, 'drop');
    assert.equal(line.state, null);
  });

  test('of a manifest has no slot, and the live slots in its state', () => {
    const line = eventJson(logged(manifest));
    assert.equal(line.op, 'manifest');
    assert.equal(line.slot, null);
    assert.deepEqual(line.state, {
      system_identifier: '7300000000000000001',
      ancestors: [{ timeline: 1, switch_lsn: '0/3000000' }],
      timeline_node: 'db1',
      instance: 'i',
      lineage: 'l',
      slots: [{ name: 'orders_cdc', incarnation: { epoch: 6, seq: 1 } }],
    });
  });

  test('of a malformed record has the reason, and the time of the broker', () => {
    const line = eventJson(logged({ kind: 'malformed', key: 'k', reason: 'no op' }));
    assert.equal(line.op, 'malformed');
    assert.equal(line.time, '2026-01-31T00:00:00.000Z');
    assert.equal(line.key, 'k');
    assert.equal(line.reason, 'no op');
    assert.equal(line.state, null);
  });

  test('is what JSON can hold', () => {
    for (const content of [event, manifest]) {
      const line = eventJson(logged(content));
      assert.deepEqual(JSON.parse(JSON.stringify(line)), line);
    }
  });
});
