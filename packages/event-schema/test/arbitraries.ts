import {
  aheadOutcomes,
  type Incarnation,
  type LogicalSlotState,
  type Lsn,
  lsn,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  nodeRoles,
  type OpenTransaction,
  orphanCauses,
  type PhysicalSlotState,
  type Promotion,
  type ProofRecord,
  parseSlotName,
  parseSystemIdentifier,
  type Reason,
  readinessStates,
  type SlotEvent,
  type SlotName,
  type SlotState,
  slotOperations,
  type Timeline,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';

/** What is decoded has the usual prototype; deep equality would otherwise see a difference. */
const plain = { noNullPrototype: true } as const;

const anyLsn: fc.Arbitrary<Lsn> = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(lsn);
const anyTimeline: fc.Arbitrary<Timeline> = fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(timeline);
const anyNumber = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const anyXid = fc.nat({ max: 2 ** 32 - 1 });
/** Within the years that every reader's calendar has; Python's ends with 9999. */
const anyTime = fc.nat({ max: Date.UTC(9999, 0) });
const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
const slotNameCharacter = fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz0123456789_'));

export const anySlotName: fc.Arbitrary<SlotName> = fc
  .string({ unit: slotNameCharacter, minLength: 1, maxLength: 63 })
  .map(parseSlotName);
export const anyNodeName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => /^[^/\p{Cc}\p{Cs}]+$/u.test(text));
const anySystemIdentifier = fc
  .bigInt({ min: 1n, max: 2n ** 64n - 1n })
  .map((number) => parseSystemIdentifier(String(number)));
const anyIncarnation: fc.Arbitrary<Incarnation> = fc.record({ epoch: anyNumber, seq: anyNumber }, plain);

/** Of this version, or of another one. */
/** What the library makes of a map has no place for this one. */
const anyFactName = anySlotName.filter((name) => name !== '__proto__');

const anyReason: fc.Arbitrary<Reason> = fc.record(
  {
    code: fc.oneof(fc.constantFrom('native', 'behind', 'failed'), anyText),
    facts: fc.dictionary(anyFactName, anyText, { maxKeys: 4, noNullPrototype: true }),
  },
  plain,
);

const originFields = {
  lsn: anyLsn,
  timeline: anyTimeline,
  epoch: anyNumber,
  seq: anyNumber,
  node: anyNodeName,
  time: anyTime,
};

const sharedFields = {
  name: anySlotName,
  restartLsn: anyLsn,
  catalogXmin: anyXid,
  walStatus: fc.constantFrom('reserved', 'extended', 'unreserved', 'lost'),
  invalidationReason: anyText,
  active: fc.boolean(),
};

const anyLogical: fc.Arbitrary<LogicalSlotState> = fc.record(
  {
    type: fc.constant('logical' as const),
    ...sharedFields,
    plugin: anyText,
    database: anyText,
    databaseOid: anyXid,
    twoPhase: fc.boolean(),
    twoPhaseAt: anyLsn,
    failover: fc.boolean(),
    synced: fc.boolean(),
    confirmedFlushLsn: anyLsn,
    canaryTime: anyTime,
  },
  {
    ...plain,
    requiredKeys: ['type', 'name', 'plugin', 'databaseOid', 'twoPhase', 'failover', 'synced', 'active'],
  },
);

const anyPhysical: fc.Arbitrary<PhysicalSlotState> = fc.record(
  { type: fc.constant('physical' as const), ...sharedFields, xmin: anyXid },
  { ...plain, requiredKeys: ['type', 'name', 'active'] },
);

const anySlotState: fc.Arbitrary<SlotState> = fc.oneof(anyLogical, anyPhysical);

const anySnapshot = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

export const anySlotEvent: fc.Arbitrary<SlotEvent & { readonly state: SlotState }> = fc
  .record({
    kind: fc.constant('slot' as const),
    op: fc.constantFrom(...slotOperations),
    incarnation: anyIncarnation,
    state: anySlotState,
    snapshot: fc.option(anySnapshot, { nil: undefined }),
    ...originFields,
  })
  .map(({ snapshot, ...event }) => ({
    ...event,
    slot: event.state.name,
    ...(snapshot !== undefined && { snapshot }),
  }));

const anyOrphan = fc.record(
  {
    name: anySlotName,
    incarnation: anyIncarnation,
    cause: fc.constantFrom(...orphanCauses),
    since: anyTime,
  },
  plain,
);

export const anyManifest: fc.Arbitrary<Manifest> = fc
  .record({
    kind: fc.constant('manifest' as const),
    systemIdentifier: anySystemIdentifier,
    ancestors: fc.array(fc.record({ timeline: anyTimeline, switchLsn: anyLsn }, plain), { maxLength: 5 }),
    timelineNode: anyNodeName,
    instance: anyText,
    lineage: anyText,
    server: fc.record({ serverStartedAt: anyTime, recoveredLsn: anyLsn }, { ...plain, requiredKeys: [] }),
    slots: fc.array(fc.record({ name: anySlotName, incarnation: anyIncarnation }, plain), { maxLength: 20 }),
    orphans: fc.array(anyOrphan, { maxLength: 3 }),
    ...originFields,
  })
  .map(({ ancestors, orphans, server, ...manifest }) => ({
    ...manifest,
    ...server,
    ...(orphans.length > 0 && { orphans }),
    history: { timeline: manifest.timeline, ancestors },
  }));

const requiredOfNode = [
  'kind',
  'node',
  'role',
  'instance',
  'version',
  'systemIdentifier',
  'timeline',
  'serverVersion',
  'physicalSlots',
  'wantsStandbySnapshot',
  'time',
] as const;

const anyPromotion: fc.Arbitrary<Promotion> = fc.record(
  {
    timeline: anyTimeline,
    switchLsn: anyLsn,
    fencedLsn: anyLsn,
    unheard: fc.record({ since: anyTime, lsn: anyLsn }, plain),
    ahead: fc.array(
      fc.record(
        {
          slot: anySlotName,
          confirmedFlushLsn: anyLsn,
          outcome: fc.constantFrom(...aheadOutcomes),
          prepared: fc.array(fc.string(), { maxLength: 3 }),
        },
        { ...plain, requiredKeys: ['slot', 'confirmedFlushLsn', 'outcome'] },
      ),
      { maxLength: 3 },
    ),
    lost: fc.array(fc.record({ slot: anySlotName, reasons: fc.array(anyReason, { maxLength: 3 }) }, plain), {
      maxLength: 3,
    }),
    time: anyTime,
  },
  { ...plain, requiredKeys: ['timeline', 'switchLsn', 'ahead', 'lost', 'time'] },
);

const anyTransaction: fc.Arbitrary<OpenTransaction> = fc.record(
  { xid: anyXid, pid: anyNumber, gid: anyText, since: anyTime },
  { ...plain, requiredKeys: ['xid'] },
);

export const anyNodeStatus: fc.Arbitrary<NodeStatus> = fc.record(
  {
    kind: fc.constant('node' as const),
    node: anyNodeName,
    role: fc.constantFrom(...nodeRoles),
    instance: anyText,
    version: anyText,
    systemIdentifier: anySystemIdentifier,
    timeline: anyTimeline,
    serverVersion: anyNumber,
    serverStartedAt: anyTime,
    flushLsn: anyLsn,
    replayLsn: anyLsn,
    receiveLsn: anyLsn,
    upstream: anyText,
    primarySlotName: anyText,
    hotStandbyFeedback: fc.boolean(),
    physicalSlots: fc.array(
      fc.record(
        {
          name: anySlotName,
          catalogXmin: anyXid,
          active: fc.boolean(),
          invalidated: fc.boolean(),
          restartLsn: anyLsn,
        },
        { ...plain, requiredKeys: ['name'] },
      ),
      { maxLength: 5 },
    ),
    wantsStandbySnapshot: fc.boolean(),
    oldestTransaction: anyTransaction,
    preparedTransactions: fc.array(anyTransaction, { minLength: 1, maxLength: 3 }),
    unreadableSlots: fc.array(fc.record({ slot: anyText, reason: anyReason }, plain), {
      minLength: 1,
      maxLength: 3,
    }),
    alarm: anyReason,
    lineage: anyText,
    promotion: anyPromotion,
    canary: fc.record({ lagMs: anyNumber, time: anyTime }, plain),
    restartBacklog: fc.record({ slots: anyNumber, bytes: anyNumber, since: anyTime }, plain),
    time: anyTime,
  },
  { ...plain, requiredKeys: [...requiredOfNode] },
);

const anyCount = fc.nat({ max: 2 ** 32 - 1 });
const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const proofPlace = { time: anyTime, fromLsn: anyLsn, toLsn: anyLsn };
const anyProof: fc.Arbitrary<ProofRecord> = fc.oneof(
  fc.record({ kind: fc.constant('question' as const), id: anyWord, ...proofPlace }, plain),
  fc.record(
    {
      kind: fc.constant('answer' as const),
      id: anyWord,
      ...proofPlace,
      spans: fc.array(
        fc.record(
          { span: fc.nat({ max: 0xffff }), transactions: anyCount, changes: anyCount, digest: anyWord },
          plain,
        ),
        { maxLength: 5 },
      ),
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant('proven' as const), ...proofPlace, transactions: anyNumber, changes: anyNumber },
    plain,
  ),
);

export const anyNodeSlotStatus: fc.Arbitrary<NodeSlotStatus> = fc.record(
  {
    kind: fc.constant('node_slot' as const),
    node: anyNodeName,
    slot: anySlotName,
    role: fc.constantFrom(...nodeRoles),
    ownership: fc.record(
      {
        incarnation: anyIncarnation,
        lineage: anyText,
        proven: fc.boolean(),
        highestLsn: anyLsn,
        remaking: fc.constant(true),
        physical: fc.constant(true as const),
      },
      { ...plain, requiredKeys: ['incarnation', 'lineage', 'proven'] },
    ),
    state: fc.constantFrom(...readinessStates),
    reasons: fc.array(anyReason, { maxLength: 3 }),
    orphaned: fc.constant(true as const),
    restartLsn: anyLsn,
    confirmedFlushLsn: anyLsn,
    decoding: anyReason,
    proof: anyProof,
    time: anyTime,
  },
  { ...plain, requiredKeys: ['kind', 'node', 'slot', 'role', 'state', 'reasons', 'time'] },
);
