import {
  lsn,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  parseLsn,
  parseSlotName,
  parseSystemIdentifier,
  reason,
  type SlotEvent,
  type SlotState,
  timeline,
} from '@slotcast/domain';

const orders = parseSlotName('orders_cdc');
const time = Date.UTC(2026, 0, 31, 12, 0, 0, 123);
const incarnation = { epoch: 7, seq: 2 };

const exampleState: SlotState = {
  name: orders,
  type: 'logical',
  plugin: 'pgoutput',
  database: 'shop',
  databaseOid: 16_384,
  twoPhase: true,
  twoPhaseAt: parseLsn('16/B3000000'),
  failover: true,
  synced: false,
  restartLsn: parseLsn('16/B374D000'),
  confirmedFlushLsn: parseLsn('16/B374D848'),
  catalogXmin: 4_000_000_000,
  walStatus: 'reserved',
  active: false,
  canaryTime: time - 40,
};

export const exampleEvent: SlotEvent & { readonly state: SlotState } = {
  kind: 'slot',
  op: 'update',
  slot: orders,
  incarnation,
  state: exampleState,
  lsn: parseLsn('16/B374D900'),
  timeline: timeline(3),
  epoch: 7,
  seq: 41,
  node: 'db1',
  time,
};

export const exampleManifest: Manifest = {
  kind: 'manifest',
  systemIdentifier: parseSystemIdentifier('7412345678901234567'),
  history: {
    timeline: timeline(3),
    ancestors: [
      { timeline: timeline(1), switchLsn: parseLsn('0/3000000') },
      { timeline: timeline(2), switchLsn: parseLsn('16/A0000028') },
    ],
  },
  timelineNode: 'db1',
  instance: '5f1c0b2e',
  lineage: 'a91d44c7',
  serverStartedAt: time - 86_400_000,
  recoveredLsn: parseLsn('16/B0000000'),
  slots: [{ name: orders, incarnation }],
  orphans: [{ name: orders, incarnation: { epoch: 6, seq: 3 }, cause: 'other_slot', since: time - 60_000 }],
  lsn: parseLsn('16/B374D900'),
  timeline: timeline(3),
  epoch: 7,
  seq: 42,
  node: 'db1',
  time,
};

export const exampleNode: NodeStatus = {
  kind: 'node',
  node: 'db2',
  role: 'standby',
  instance: '09ab7c31',
  version: '0.1.0',
  systemIdentifier: parseSystemIdentifier('7412345678901234567'),
  timeline: timeline(3),
  serverVersion: 180_004,
  serverStartedAt: time - 86_400_000,
  flushLsn: parseLsn('16/B374D900'),
  replayLsn: parseLsn('16/B374D880'),
  receiveLsn: lsn(2n ** 63n - 1n),
  upstream: 'db1:5432',
  primarySlotName: 'db2',
  hotStandbyFeedback: true,
  physicalSlots: [
    {
      name: parseSlotName('db3'),
      catalogXmin: 3_999_999_999,
      active: true,
      invalidated: false,
      restartLsn: parseLsn('16/B374D880'),
    },
    { name: parseSlotName('db4') },
  ],
  wantsStandbySnapshot: false,
  oldestTransaction: { xid: 4711, pid: 2342, since: time - 90_000 },
  preparedTransactions: [{ xid: 4712, gid: 'order-17', since: time - 60_000 }],
  unreadableSlots: [
    {
      slot: 'app',
      reason: reason('unreadable_position', { column: 'confirmed_flush_lsn', value: 'FFFFFFFF/FFFFFFFF' }),
    },
  ],
  alarm: reason('split_brain', { timeline: '3', node: 'db1', rivals: 'db3' }),
  lineage: 'a91d44c7',
  promotion: {
    timeline: timeline(3),
    switchLsn: parseLsn('16/B0000028'),
    fencedLsn: parseLsn('16/B1000000'),
    unheard: { since: time - 40_000, lsn: parseLsn('16/B0600000') },
    ahead: [
      {
        slot: orders,
        confirmedFlushLsn: parseLsn('16/B0700000'),
        outcome: 'fenced',
        prepared: ['pay-17'],
      },
    ],
    lost: [{ slot: parseSlotName('audit'), reasons: [reason('being_made')] }],
    time,
  },
  canary: { lagMs: 31, time },
  restartBacklog: { slots: 12, bytes: 536_870_912, since: time - 30_000 },
  time,
};

export const exampleNodeSlot: NodeSlotStatus = {
  kind: 'node_slot',
  node: 'db2',
  slot: orders,
  role: 'standby',
  ownership: {
    incarnation,
    lineage: 'a91d44c7',
    proven: true,
    highestLsn: parseLsn('16/B374D900'),
    remaking: true,
  },
  state: 'catching_up',
  reasons: [
    reason('waits_subscriber', { slot: orders, position: parseLsn('16/B374D900') }),
    reason('kept_here'),
  ],
  restartLsn: parseLsn('16/B374D000'),
  confirmedFlushLsn: parseLsn('16/B374D848'),
  decoding: reason('move_refused', { said: 'it takes options to start', sqlstate: '22023' }),
  time,
};
