import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type Manifest,
  type NodeSlotStatus,
  parseLsn,
  parseSlotName,
  parseSystemIdentifier,
  reason,
  type SlotEvent,
  type SlotOperation,
  type SlotState,
  timeline,
} from '@slotcast/domain';
import { createKafkaLog, type NewRecord } from '@slotcast/event-log';
import { createCodec, type EncodedRecord } from '@slotcast/event-schema';
import { sharedKafka, uniqueTopicPrefix } from '@slotcast/testkit';

const run = promisify(execFile);
const hasKcat = spawnSync('kcat', ['-V']).error === undefined;
const skip = hasKcat ? false : 'kcat is not installed';

const slot = parseSlotName('orders_cdc');
const prefix = uniqueTopicPrefix();
const slotsTopic = `${prefix}.orders.slots`;
const nodesTopic = `${prefix}.orders.nodes`;
const codec = createCodec();

/** Where and when the records of one transaction were made: a primary's position in its WAL, and a publisher's tenure. */
interface Moment {
  readonly node: string;
  readonly timeline: number;
  readonly epoch: number;
  readonly lsn: string;
  readonly time: string;
}

function origin(moment: Moment, seq: number) {
  return {
    lsn: parseLsn(moment.lsn),
    timeline: timeline(moment.timeline),
    epoch: moment.epoch,
    seq,
    node: moment.node,
    time: Date.parse(moment.time),
  };
}

interface Change {
  readonly op: SlotOperation;
  readonly seq: number;
  readonly confirmed: string;
  readonly restart: string;
}

function slotEvent(moment: Moment, { op, seq, confirmed, restart }: Change): SlotEvent {
  const state: SlotState = {
    name: slot,
    type: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    databaseOid: 16_384,
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn: parseLsn(restart),
    confirmedFlushLsn: parseLsn(confirmed),
    catalogXmin: 751,
    walStatus: 'reserved',
    active: op !== 'drop',
  };
  return { kind: 'slot', op, slot, state, incarnation: { epoch: 7, seq: 1 }, ...origin(moment, seq) };
}

function manifest(moment: Moment, seq: number, live: boolean): Manifest {
  const left = [
    { timeline: timeline(1), switchLsn: parseLsn('0/5000000') },
    { timeline: timeline(2), switchLsn: parseLsn('9/40001A8') },
    { timeline: timeline(3), switchLsn: parseLsn('16/B4000000') },
  ];
  return {
    kind: 'manifest',
    systemIdentifier: parseSystemIdentifier('7412345678901234567'),
    history: { timeline: timeline(moment.timeline), ancestors: left.slice(0, moment.timeline - 1) },
    timelineNode: moment.node,
    instance: 'f8f6f4a2-58b4-4d9e-9f3a-0d6b7c1e2a34',
    lineage: '0d4c9a52-7e11-4c55-8d4e-2b1f6a9c8e70',
    slots: live ? [{ name: slot, incarnation: { epoch: 7, seq: 1 } }] : [],
    ...origin(moment, seq),
  };
}

const created = { node: 'db1', timeline: 3, epoch: 7, lsn: '16/B374D880', time: '2026-01-31T11:59:58.020Z' };
const moved = { node: 'db1', timeline: 3, epoch: 7, lsn: '16/B3761F20', time: '2026-01-31T11:59:58.241Z' };
const promoted = { node: 'db2', timeline: 4, epoch: 8, lsn: '16/B4000150', time: '2026-01-31T12:07:31.500Z' };
const dropped = { node: 'db2', timeline: 4, epoch: 8, lsn: '16/B4105A08', time: '2026-01-31T12:09:02.117Z' };

function event(moment: Moment, change: Change): Promise<EncodedRecord[]> {
  return codec.encodeSlotEvent(slotsTopic, slotEvent(moment, change));
}

function set(moment: Moment, seq: number, live: boolean): Promise<EncodedRecord> {
  return codec.encodeManifest(slotsTopic, manifest(moment, seq, live));
}

async function slotsRecords(): Promise<EncodedRecord[][]> {
  return [
    [
      ...(await event(created, { op: 'create', seq: 1, confirmed: '16/B374D848', restart: '16/B374D810' })),
      await set(created, 2, true),
    ],
    await event(moved, { op: 'update', seq: 3, confirmed: '16/B3761EE8', restart: '16/B374D810' }),
    [
      ...(await event(promoted, { op: 'update', seq: 1, confirmed: '16/B3FFE240', restart: '16/B3FE1000' })),
      await set(promoted, 2, true),
    ],
    [
      ...(await event(dropped, { op: 'drop', seq: 3, confirmed: '16/B41059D0', restart: '16/B40FF3C8' })),
      await set(dropped, 4, false),
    ],
  ];
}

function nodeSlotStatus(state: NodeSlotStatus['state'], time: string, here?: string): NodeSlotStatus {
  const positions =
    here === undefined ? {} : { confirmedFlushLsn: parseLsn(here), restartLsn: parseLsn('16/B374D810') };
  return {
    kind: 'node_slot',
    node: 'db3',
    slot,
    role: 'standby',
    ownership: {
      incarnation: { epoch: 7, seq: 1 },
      lineage: '0d4c9a52-7e11-4c55-8d4e-2b1f6a9c8e70',
      proven: true,
    },
    state,
    reasons: state === 'ready' ? [] : [reason('recording_ownership')],
    ...positions,
    time: Date.parse(time),
  };
}

function readiness(state: NodeSlotStatus['state'], time: string, here?: string): Promise<EncodedRecord> {
  return codec.encodeNodeSlotStatus(nodesTopic, nodeSlotStatus(state, time, here));
}

async function nodesRecords(): Promise<EncodedRecord[][]> {
  return [
    [await readiness('catching_up', '2026-01-31T11:59:58.262Z')],
    [await readiness('ready', '2026-01-31T11:59:58.290Z', '16/B3761EE8')],
    [codec.encodeTombstone({ node: 'db3', slot, time: Date.parse('2026-01-31T12:09:02.163Z') })],
  ];
}

function newRecords(topic: string, transaction: readonly EncodedRecord[]): NewRecord[] {
  return transaction.map((record) => ({ ...record, topic }));
}

/** A command of the page with the lines that the page says it prints. */
interface Example {
  readonly command: string;
  readonly output: string;
}

function examplesOf(page: string): Example[] {
  const blocks = [...page.matchAll(/```console\n\$ (kcat [^\n]*)\n([\s\S]*?)```/g)];
  return blocks.map(([, command = '', output = '']) => ({ command, output }));
}

const examples = examplesOf(readFileSync(new URL('../docs/operating/inspect.md', import.meta.url), 'utf8'));

describe('the kcat commands of the page on reading the topics', { skip, timeout: 180_000 }, () => {
  let brokers = '';

  before(async () => {
    brokers = await sharedKafka();
    const log = createKafkaLog({ brokers: [brokers], clientId: 'inspect', logger: () => undefined });
    try {
      for (const topic of [slotsTopic, nodesTopic]) {
        const config = new Map([['cleanup.policy', 'compact']]);
        await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config });
      }
      const writer = await log.claim(`${prefix}.inspect`);
      for (const transaction of await slotsRecords()) {
        await writer.append(newRecords(slotsTopic, transaction));
      }
      for (const transaction of await nodesRecords()) {
        await writer.append(newRecords(nodesTopic, transaction));
      }
    } finally {
      await log.close();
    }
  });

  test('are four commands', { timeout: 5_000 }, () => {
    assert.equal(examples.length, 4);
  });

  for (const { command, output } of examples) {
    test(`print what the page says: ${command}`, { timeout: 180_000 }, async () => {
      const here = command
        .replaceAll('kafka:9092', brokers)
        .replaceAll('slotcast.orders.', `${prefix}.orders.`);
      const { stdout } = await run('sh', ['-c', here], { timeout: 180_000 });
      assert.equal(stdout, output);
    });
  }
});
