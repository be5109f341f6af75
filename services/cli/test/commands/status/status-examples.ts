import {
  type ClusterFacts,
  clusterView,
  type KnownSlot,
  lsn,
  type NodeSlotStatus,
  type NodeStatus,
  parseSlotName,
  parseSystemIdentifier,
  SlotTrack,
  timeline,
} from '@slotcast/domain';
import type { StatusReport } from '@slotcast/views';

export const NOW = Date.UTC(2026, 0, 31, 12);

const systemIdentifier = parseSystemIdentifier('7300000000000000001');
const incarnation = { epoch: 1, seq: 1 };
const orders = parseSlotName('orders_cdc');
const audit = parseSlotName('audit_cdc');
const archive = parseSlotName('archive');
/** A slot that the primary took over without. */
const lostOnes = parseSlotName('returns_cdc');
const lostOnce = { epoch: 1, seq: 7 };

/** A standby that wrote its record `ageMs` ago. */
export function standby(node: string, ageMs: number, over: Partial<NodeStatus> = {}) {
  const record: NodeStatus = {
    kind: 'node',
    node,
    role: 'standby',
    instance: 'i',
    version: '0.1.0',
    systemIdentifier,
    timeline: timeline(1),
    serverVersion: 180_004,
    receiveLsn: lsn(0x300_0000n),
    replayLsn: lsn(0x300_0000n),
    upstream: 'db1:5432',
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: NOW - ageMs,
    ...over,
  };
  return { record, writtenAt: NOW - ageMs };
}

/** What a standby wrote of a slot. */
export function copy(node: string, slot: 'orders_cdc' | 'audit_cdc', over: Partial<NodeSlotStatus> = {}) {
  const record: NodeSlotStatus = {
    kind: 'node_slot',
    node,
    slot: parseSlotName(slot),
    role: 'standby',
    ownership: { incarnation, lineage: 'l', proven: true },
    state: 'ready',
    reasons: [],
    restartLsn: lsn(0x200_0000n),
    confirmedFlushLsn: lsn(0x2ff_0000n),
    time: NOW - 2000,
    ...over,
  };
  return { record, writtenAt: NOW - 2000 };
}

/** Primary `db1` with two slots, of which the orders' consumer moved ten minutes ago, and these standbys. */
export function factsOf(
  nodes: readonly ReturnType<typeof standby>[],
  copies: readonly ReturnType<typeof copy>[],
  options: { readonly manifestAgeMs?: number; readonly names?: readonly string[] } = {},
): ClusterFacts {
  const origin = { lsn: lsn(0x310_0000n), timeline: timeline(1), epoch: 1, seq: 9, node: 'db1', time: NOW };
  const names = (options.names ?? [audit, orders]).map(parseSlotName);
  return {
    manifest: {
      record: {
        ...origin,
        kind: 'manifest',
        systemIdentifier,
        history: { timeline: timeline(1), ancestors: [] },
        timelineNode: 'db1',
        instance: 'i',
        lineage: 'l',
        slots: names.map((name) => ({ name, incarnation })),
      },
      writtenAt: NOW - (options.manifestAgeMs ?? 1000),
    },
    slots: new Map(
      names.map((name) => {
        const confirmedFlushLsn = lsn(name === orders ? 0x300_8000n : 0x2ff_0000n);
        const writtenAt = NOW - 600_000;
        const track = new SlotTrack();
        track.add(confirmedFlushLsn, writtenAt);
        const state = {
          name,
          type: 'logical',
          plugin: 'pgoutput',
          database: 'shop',
          databaseOid: 16_384,
          twoPhase: false,
          failover: false,
          synced: false,
          restartLsn: lsn(0x200_0000n),
          confirmedFlushLsn,
          active: true,
        } as const;
        const record = {
          ...origin,
          seq: 2,
          kind: 'slot',
          op: 'update',
          slot: name,
          incarnation,
          state,
        } as const;
        return [name, { record, writtenAt, track }];
      }),
    ),
    nodes: new Map(nodes.map((node) => [node.record.node, node])),
    nodeSlots: new Map(
      nodes.map(({ record: { node } }) => [
        node,
        new Map(copies.filter(({ record }) => record.node === node).map((each) => [each.record.slot, each])),
      ]),
    ),
  };
}

export function reportOf(facts: ClusterFacts, over: Partial<StatusReport> = {}): StatusReport {
  const filter = { text: 'name_like:%', confirmed: false };
  const view = clusterView({
    facts,
    wanted: () => true,
    filter,
    heartbeatStaleMs: 60_000,
    now: NOW,
    monotonicMs: 0,
  });
  return { cluster: 'orders', view, requirement: 1, malformed: 0, ...over };
}

/** A report in which every field of the JSON has a value. */
export function fullReport(): StatusReport {
  const promotion = {
    timeline: timeline(1),
    switchLsn: lsn(0x100_0000n),
    fencedLsn: lsn(0x110_0000n),
    unheard: { since: NOW - 3_640_000, lsn: lsn(0xf0_0000n) },
    ahead: [{ slot: orders, confirmedFlushLsn: lsn(0x108_0000n), outcome: 'fenced' }],
    lost: [{ slot: audit, reasons: [{ code: 'no plugin', facts: {} }] }],
    time: NOW - 7_200_000,
  } as const;
  const facts = factsOf(
    [
      standby('db2', 2000, {
        promotion,
        canary: { lagMs: 14, time: NOW - 1000 },
        restartBacklog: { slots: 3, bytes: 300 * 1024 * 1024, since: NOW - 120_000 },
      }),
      standby('db3', 95_000, {
        systemIdentifier: parseSystemIdentifier('42'),
        unreadableSlots: [{ slot: 'broken', reason: { code: 'its restart_lsn is no position', facts: {} } }],
      }),
    ],
    [
      copy('db2', 'orders_cdc', {
        decoding: { code: 'no walsender', facts: {} },
        proof: {
          kind: 'proven',
          fromLsn: lsn(0x2f0_0000n),
          toLsn: lsn(0x2ff_0000n),
          time: NOW - 60_000,
          transactions: 12,
          changes: 34,
        },
      }),
      copy('db2', 'audit_cdc', { state: 'blocked', reasons: [{ code: 'no plugin', facts: {} }] }),
    ],
  );
  const [db2 = new Map()] = facts.nodeSlots.values();
  const kept = copy('db2', 'audit_cdc', {
    state: 'absent',
    orphaned: true,
    reasons: [
      { code: 'orphaned', facts: { slot: 'returns_cdc', since: '0', cause: 'missing' } },
      { code: 'feedback_off', facts: {} },
    ],
    slot: lostOnes,
    ownership: { incarnation: lostOnce, lineage: 'l', proven: true },
  });
  const { manifest } = facts;
  const orphans = [
    { name: lostOnes, incarnation: lostOnce, cause: 'missing' as const, since: NOW - 7_200_000 },
  ];
  const slots = [...manifest.record.slots, { name: archive, incarnation }];
  return reportOf({
    ...facts,
    slots: new Map(facts.slots).set(archive, archiveSlot()),
    manifest: { ...manifest, record: { ...manifest.record, orphans, slots } },
    nodeSlots: new Map(facts.nodeSlots).set(
      'db2',
      new Map(db2).set(lostOnes, kept).set(archive, archiveCopy()),
    ),
  });
}

/** A physical slot, and what `db2` wrote of its copy. */
function archiveSlot(): KnownSlot {
  const restartLsn = lsn(0x280_0000n);
  const state = { name: archive, type: 'physical', restartLsn, active: true } as const;
  const origin = { lsn: lsn(0x310_0000n), timeline: timeline(1), epoch: 1, seq: 3, node: 'db1', time: NOW };
  const record = { ...origin, kind: 'slot', op: 'update', slot: archive, incarnation, state } as const;
  return { record, writtenAt: NOW - 1000, track: new SlotTrack() };
}

function archiveCopy() {
  const position = '0/2900000';
  return copy('db2', 'audit_cdc', {
    slot: archive,
    ownership: { incarnation, lineage: 'l', proven: true, physical: true },
    state: 'catching_up',
    reasons: [{ code: 'keeps_too_little', facts: { position, needed: '0/2800000' } }],
    restartLsn: lsn(0x290_0000n),
    confirmedFlushLsn: undefined,
  });
}
