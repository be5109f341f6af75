import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import {
  lsn,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  type SlotOperation,
  timeline,
} from '@slotcast/domain';
import { createKafkaLog, type EventLog, type NewRecord, requiredTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { sharedKafka, uniqueTopicPrefix } from '@slotcast/testkit';
import { cliArguments, runCli } from '../../run-cli.ts';

const codec = createCodec();

interface ShownEvent {
  readonly offset: number;
  readonly op: string;
  readonly slot: string | null;
  readonly lsn: string | null;
  readonly reason?: string;
  readonly state: Readonly<Record<string, unknown>> | null;
}

function isShownEvent(value: unknown): value is ShownEvent {
  return (
    typeof value === 'object' && value !== null && 'offset' in value && 'op' in value && 'state' in value
  );
}

function shownEvents(stdout: string): ShownEvent[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.ok(isShownEvent(value), line);
      return value;
    });
}

function origin(seq: number) {
  return {
    lsn: lsn(BigInt(0x100_0000 + seq)),
    timeline: timeline(1),
    epoch: 1,
    seq,
    node: 'db1',
    time: 1_767_225_600_000,
  };
}

function slotEvent(slot: string, op: SlotOperation, seq: number): SlotEvent {
  const name = parseSlotName(slot);
  return {
    kind: 'slot',
    op,
    slot: name,
    incarnation: { epoch: 1, seq: 1 },
    state: {
      name,
      type: 'logical',
      plugin: 'pgoutput',
      database: 'orders',
      databaseOid: 16_384,
      twoPhase: false,
      failover: false,
      synced: false,
      restartLsn: lsn(0xff_0000n),
      confirmedFlushLsn: lsn(BigInt(0xff_0000 + seq)),
      active: false,
    },
    ...origin(seq),
  };
}

async function records(topic: string, ...events: SlotEvent[]): Promise<NewRecord[]> {
  const encoded = await Promise.all(events.map((event) => codec.encodeSlotEvent(topic, event)));
  return encoded.flat().map((record) => ({ topic, ...record }));
}

describe('slotcast events', { timeout: 180_000 }, () => {
  const prefix = uniqueTopicPrefix();
  const topic = `${prefix}.orders.slots`;
  let log: EventLog;
  let env: Record<string, string> = {};

  before(async () => {
    const brokers = await sharedKafka();
    env = { SLOTCAST_CLUSTER: 'orders', SLOTCAST_TOPIC_PREFIX: prefix, KAFKA_BOOTSTRAP_SERVERS: brokers };
    log = createKafkaLog({ brokers: [brokers], clientId: 'test', logger: () => undefined });
    await log.createTopic(requiredTopic(topic, { brokers: 1 }));
    const writer = await log.claim(`${prefix}.writer`);
    const manifest = await codec.encodeManifest(topic, {
      kind: 'manifest',
      systemIdentifier: parseSystemIdentifier('7300000000000000001'),
      history: { timeline: timeline(1), ancestors: [] },
      timelineNode: 'db1',
      instance: 'i',
      lineage: 'l',
      slots: [],
      ...origin(1),
    });
    await writer.append([{ topic, ...manifest }, ...(await records(topic, slotEvent('cdc', 'create', 2)))]);
    const garbage = {
      topic,
      key: Buffer.from('cdc'),
      value: Buffer.from('garbage'),
      headers: new Map<string, Uint8Array>(),
    };
    await writer.append([garbage]);
    await writer.append(
      await records(
        topic,
        slotEvent('cdc', 'update', 3),
        slotEvent('other', 'create', 4),
        slotEvent('cdc', 'drop', 5),
      ),
    );
    await writer.close();
  });
  after(() => log.close());

  test('prints every record as JSON, malformed ones too, and ends at the end', async () => {
    const { code, stdout, stderr } = await runCli(['events', '--output', 'json'], { env });
    assert.equal(code, 0, stderr);
    const events = shownEvents(stdout);
    assert.deepEqual(
      events.map(({ op, slot }) => [op, slot]),
      [
        ['manifest', null],
        ['create', 'cdc'],
        ['malformed', null],
        ['update', 'cdc'],
        ['create', 'other'],
        ['drop', 'cdc'],
        ['drop', 'cdc'],
      ],
    );
    assert.equal(events[0]?.state?.['system_identifier'], '7300000000000000001');
    assert.equal(events[1]?.lsn, '0/1000002');
    assert.equal(events[1]?.state?.['confirmed_flush_lsn'], '0/FF0002');
    assert.ok((events[2]?.reason ?? '') !== '');
    assert.equal(events[6]?.state, null);
  });

  test('prints one slot only, from an offset on', async () => {
    const all = shownEvents((await runCli(['events', '--output', 'json', '--slot', 'cdc'], { env })).stdout);
    assert.deepEqual(
      all.map(({ op }) => op),
      ['create', 'malformed', 'update', 'drop', 'drop'],
    );
    const from = String(all[2]?.offset);
    const { stdout } = await runCli(['events', '--output', 'json', '--slot', 'cdc', '--from', from], { env });
    assert.deepEqual(
      shownEvents(stdout).map(({ op }) => op),
      ['update', 'drop', 'drop'],
    );
  });

  test('prints columns for people', async () => {
    const { code, stdout } = await runCli(['events'], { env });
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 8);
    assert.match(lines[0] ?? '', /^offset +time +op +slot +lsn/);
    assert.match(lines[2] ?? '', / create +cdc +0\/1000002 +0\/FF0002 /);
  });

  test('prints nothing at the end, and refuses an offset beyond it', async () => {
    const end = await log.endOffset(topic);
    const atEnd = await runCli(['events', '--output', 'json', '--from', String(end)], { env });
    assert.deepEqual([atEnd.code, atEnd.stdout], [0, '']);
    const beyond = await runCli(['events', '--from', String(end + 1n)], { env });
    assert.equal(beyond.code, 2);
    assert.match(beyond.stderr, new RegExp(`the next one is ${end}`));
  });

  test('follows until interrupted, and ends with 130 as tail does', async () => {
    const end = String(await log.endOffset(topic));
    const writer = await log.claim(`${prefix}.writer`);
    const late = await records(topic, slotEvent('late', 'create', 6));
    let appended: Promise<void> | undefined;
    const following = runCli(['events', '--follow', '--output', 'text', '--from', end], {
      env,
      onOutput: (stdout, child) => {
        appended ??= writer.append(late);
        if (stdout.includes(' late ')) {
          child.kill('SIGINT');
        }
      },
    });
    const { code, stdout, stderr } = await following;
    await appended;
    await writer.close();
    assert.equal(code, 130, stderr);
    assert.equal(stderr, '');
    assert.match(stdout, / create +late /);
  });

  test('ends quietly when its reader goes away', async () => {
    const child = spawn(process.execPath, [...cliArguments, 'events', '--follow'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: 180_000,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 141);
    assert.equal(stderr, '');
  });

  test('says that the topic is missing, and exits 78', async () => {
    const { code, stderr } = await runCli(['events'], { env: { ...env, SLOTCAST_CLUSTER: 'nowhere' } });
    assert.equal(code, 78);
    assert.match(stderr, /there is no topic .*\.nowhere\.slots/);
    assert.match(stderr, /slotcast topic create/);
  });
});
