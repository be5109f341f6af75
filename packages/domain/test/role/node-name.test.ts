import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkNodeName,
  judgeNodeName,
  type NodeServer,
  type NodeStatus,
  nodeNameLimits,
  parseSlotName,
  parseSystemIdentifier,
} from '@slotcast/domain';
import { manifest } from '../event-examples.ts';
import { nodeStatus } from '../status/node-examples.ts';

const options = { timeout: 20_000 };

const START = Date.UTC(2026, 4, 1, 12);
const MINUTE = 60_000;
const system = nodeStatus('db1').systemIdentifier;
const own: NodeServer = { node: 'db1', instance: 'newer', systemIdentifier: system, serverStartedAt: START };

/** What another process of the name wrote, an hour after this server was started. */
function record(over: Partial<NodeStatus> = {}): NodeStatus {
  const written = { instance: 'older', serverStartedAt: START, time: START + 60 * MINUTE };
  return nodeStatus('db1', { ...written, ...over });
}

/** What a process wrote beside a server that was started at another time. */
function other(over: Partial<NodeStatus> = {}): NodeStatus {
  return record({ serverStartedAt: START - 1, ...over });
}

function judge(newest: NodeStatus | undefined, over: Partial<Parameters<typeof judgeNodeName>[0]> = {}) {
  return judgeNodeName({ own, record: newest, silentMs: 0, heard: 0, manifest: undefined, ...over });
}

describe('the name of a node', options, () => {
  test('is free for the first process, and for one that has it already', () => {
    assert.equal(judge(undefined).kind, 'ours');
    assert.equal(judge(other({ instance: own.instance })).kind, 'ours');
  });

  test('goes over to a newer process beside the same server at once, in either role', () => {
    assert.equal(judge(record()).kind, 'ours');
    assert.equal(judge(record({ role: 'primary' })).kind, 'ours');
  });

  test('is listened for while a record of another start is young: it may be a server at work, or this one before its start', () => {
    for (const role of ['standby', 'primary'] as const) {
      assert.deepEqual(judge(other({ role })), { kind: 'listen', forMs: nodeNameLimits.listenMs[role] });
    }
    const listened = judge(other(), { silentMs: nodeNameLimits.silentMs - 1 });
    assert.equal(listened.kind, 'listen');
  });

  test('is not taken by one record, which a server that is stopped may leave behind, but by two', () => {
    assert.equal(judge(other(), { heard: 1 }).kind, 'listen');
    const verdict = judge(other({ upstream: 'db0:5432' }), { heard: 2 });
    assert.ok(verdict.kind === 'taken');
    assert.match(verdict.message, /the name db1 is in use: a consumer \(instance older\)/);
    assert.match(verdict.message, /streams from db0:5432 .* started at 2026-05-01T11:59:59\.999Z/);
    assert.match(verdict.message, /was started at 2026-05-01T12:00:00\.000Z: they are two servers/);
  });

  test('is taken by a publisher as well as by a consumer, and for both', () => {
    const publishing = manifest([], {}, { instance: 'older' });
    const verdict = judge(other({ role: 'primary' }), { heard: 2, manifest: publishing });
    assert.ok(verdict.kind === 'taken');
    assert.match(verdict.message, /a publisher \(instance older\) works under it beside a primary/);
  });

  test('is free when the records that come while it is listened for are of this server', () => {
    assert.equal(judge(record(), { heard: 1 }).kind, 'ours');
  });

  test('is free, without listening, where the topic has gone on for a minute without the node', () => {
    assert.equal(judge(other(), { silentMs: nodeNameLimits.silentMs }).kind, 'ours');
    assert.equal(judge(other(), { silentMs: nodeNameLimits.silentMs, heard: 1 }).kind, 'listen');
  });

  test('is free for a standby that streams through the physical slot of the one that had it', () => {
    const place = { upstream: 'db0:5432', primarySlotName: parseSlotName('db1') };
    const restarted = { own: { ...own, ...place } };
    assert.equal(judge(other(place), restarted).kind, 'ours');
    // Who streams through it without a record of that being newer has only just lost it, or won it.
    assert.equal(judge(other(place), { ...restarted, heard: 1 }).kind, 'listen');
    for (const elsewhere of [
      { ...place, upstream: 'db2:5432' },
      { ...place, primarySlotName: parseSlotName('db3') },
      { ...place, upstream: undefined },
      { upstream: 'db0:5432' },
    ]) {
      assert.equal(judge(other(elsewhere), restarted).kind, 'listen');
      assert.equal(judge(other(place), { own: { ...own, ...elsewhere } }).kind, 'listen');
    }
    assert.equal(
      judge(other({ upstream: 'db0:5432' }), { own: { ...own, upstream: 'db0:5432' } }).kind,
      'listen',
    );
  });

  test('is free for a former primary whose publisher has lost the topic to another one', () => {
    const taken = manifest([], {}, { instance: 'publisher of db2' });
    assert.equal(judge(other({ role: 'primary' }), { manifest: taken }).kind, 'ours');
    assert.equal(judge(other({ role: 'standby' }), { manifest: taken }).kind, 'listen');
  });

  test('of another database cluster is another server, whenever that was started', () => {
    const systemIdentifier = parseSystemIdentifier('7300000000000000002');
    assert.equal(judge(record({ systemIdentifier }), { heard: 2 }).kind, 'taken');
  });

  test('says nothing where the record does not tell when its server was started', () => {
    assert.equal(judge(record({ serverStartedAt: undefined }), { heard: 2 }).kind, 'ours');
  });
});

describe('doctor', options, () => {
  const now = START + 61 * MINUTE;

  test('finds nothing where this server alone has the name', () => {
    for (const newest of [undefined, record(), record({ serverStartedAt: undefined })]) {
      assert.equal(checkNodeName(own, newest, 1000).outcome, 'ok');
    }
  });

  test('takes what was written before the server was started for its own', () => {
    assert.equal(checkNodeName(own, other({ time: START }), 1000).outcome, 'ok');
  });

  test('finds a service that works under the name beside another server', () => {
    const check = checkNodeName(own, other({ upstream: 'db0:5432', time: now }), 9000);
    assert.equal(check.outcome, 'failed');
    assert.match(check.message, /the name db1 was used 9 s ago .* streams from db0:5432/);
    assert.match(check.remedy, /^SLOTCAST_NODE=/);
  });

  test('tells of a name that another server had', () => {
    assert.equal(checkNodeName(own, other({ time: now }), 2 * MINUTE).outcome, 'info');
  });
});
