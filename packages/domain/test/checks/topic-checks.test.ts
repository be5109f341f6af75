import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkConsumers,
  checkPublisher,
  checkSystem,
  checkTimeline,
  checkVersions,
  parseSystemIdentifier,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { at, firstTimeline, manifest } from '../event-examples.ts';
import { nodeStatus } from '../status/node-examples.ts';

const ours = parseSystemIdentifier('7300000000000000001');
const others = parseSystemIdentifier('7300000000000000002');
const published = manifest(['a'], { node: 'alpha', epoch: 3 });

function timelineOf(node: string, history: TimelineHistory, takeOver = false) {
  const life = { timeline: history.timeline, serverStartedAt: 1, replayedLsn: undefined };
  const server = { ...life, node, systemIdentifier: ours, history, flushLsn: at(9) };
  const nodes = new Map([['bravo', nodeStatus('bravo', { replayLsn: at(4) })]]);
  return checkTimeline(server, { manifest: published, last: published, highestEpoch: 3, nodes }, takeOver);
}

describe('the system identifier', { timeout: 5000 }, () => {
  test('is the topic’s, another one, or not known', () => {
    assert.equal(checkSystem(ours, published).outcome, 'ok');
    assert.equal(checkSystem(ours, undefined).outcome, 'info');
    const other = checkSystem(others, published);
    assert.equal(other.outcome, 'failed');
    assert.match(other.message, new RegExp(`${ours}.*alpha.*${others}`));
    assert.match(other.remedy, /SLOTCAST_CLUSTER/);
  });
});

describe('the timeline of a primary', { timeout: 5000 }, () => {
  test('may be the one that this node published, or a continuation of it', () => {
    assert.deepEqual(
      timelineOf('alpha', firstTimeline).map(({ outcome }) => outcome),
      ['ok'],
    );
    const promoted = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(9) }] };
    assert.deepEqual(
      timelineOf('bravo', promoted).map(({ outcome }) => outcome),
      ['ok'],
    );
  });

  test('is not to be published when it is of a node that is on record nowhere', () => {
    const promoted = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(9) }] };
    const [unknown] = timelineOf('copy', promoted);
    assert.equal(unknown?.outcome, 'failed');
    assert.match(unknown?.remedy ?? '', /is this server a copy\?/);
  });

  test('never has a remedy that destroys a server, where there are two primaries', () => {
    const [left] = timelineOf('bravo', firstTimeline);
    const parted = { timeline: timeline(3), ancestors: [{ timeline: timeline(2), switchLsn: at(9) }] };
    const [other] = timelineOf('bravo', parted);
    for (const check of [left, other]) {
      assert.equal(check?.outcome, 'failed');
      assert.doesNotMatch(`${check.message} ${check.remedy}`, /pg_rewind|base backup|rm |rebuild/);
      assert.match(check.message, /copy/);
    }
  });

  test('that another node published first is a split brain, unless it is taken over', () => {
    const [split] = timelineOf('bravo', firstTimeline);
    assert.equal(split?.outcome, 'failed');
    assert.match(split?.remedy ?? '', /may be a copy.*SLOTCAST_TAKE_OVER=true/);
    assert.deepEqual(
      timelineOf('bravo', firstTimeline, true).map(({ outcome }) => outcome),
      ['ok'],
    );
  });
});

function judgePublisher(aheadMs: number, live = false) {
  return checkPublisher(
    { manifest: published, heartbeat: { aheadMs, live, silentMs: live ? 0 : Math.max(0, -aheadMs) } },
    60_000,
  );
}

describe('the publisher', { timeout: 5000 }, () => {
  test('is heard of when its heartbeat is within its interval, or arrived while it was waited for', () => {
    assert.equal(judgePublisher(-4999).outcome, 'ok');
    assert.match(judgePublisher(-4999).message, /alpha wrote 5 s ago, in epoch 3/);
    assert.equal(judgePublisher(-90_000, true).outcome, 'ok', 'the clocks differ');
  });

  test('is late at first, and missing when slots count as lagging', () => {
    assert.equal(judgePublisher(-8000).outcome, 'warning');
    assert.equal(judgePublisher(-60_001).outcome, 'failed');
    assert.match(judgePublisher(-60_001).remedy, /slotcast publisher/);
  });

  test('that never wrote is missing', () => {
    const nothing = { manifest: undefined, heartbeat: undefined };
    assert.equal(checkPublisher(nothing, 60_000).outcome, 'failed');
  });
});

describe('the consumers', { timeout: 5000 }, () => {
  const now = 1_000_000;
  const judge = (nodes: ReturnType<typeof nodeStatus>[], self: { node: string; inRecovery: boolean }) =>
    checkConsumers(
      {
        manifest: published,
        nodes: new Map(nodes.map((node) => [node.node, node])),
        silentMs: new Map(nodes.map((node) => [node.node, now - node.time])),
      },
      self,
    ).map(({ outcome, message }) => `${outcome}: ${message}`);
  const onPrimary = { node: 'alpha', inRecovery: false };

  test('of all standbys are heard of', () => {
    assert.deepEqual(judge([nodeStatus('bravo', { time: now - 60_000 })], onPrimary), ['ok: alive: bravo']);
  });

  test('are missed by name', () => {
    const [silent] = judge([nodeStatus('bravo', { time: now - 61_000 })], onPrimary);
    assert.match(silent ?? '', /^warning: the consumer of node bravo last wrote 61 s ago/);
  });

  test('of the primary sleeps, whatever it wrote when its server was a standby', () => {
    const old = nodeStatus('alpha', { time: 0 });
    assert.match(judge([old], onPrimary)[0] ?? '', /^ok/);
    const bravo = nodeStatus('bravo', { time: now });
    assert.deepEqual(judge([old, bravo], { node: 'bravo', inRecovery: true }), ['ok: alive: bravo']);
  });

  test('of this standby must have written something', () => {
    const [missing] = judge([], { node: 'bravo', inRecovery: true });
    assert.match(missing ?? '', /^warning: .*bravo, has not written anything yet/);
  });
});

test('versions that differ from the one here are named with their nodes', { timeout: 5000 }, () => {
  const nodes = new Map([
    ['bravo', nodeStatus('bravo', { version: '0.1.0' })],
    ['charlie', nodeStatus('charlie', { version: '0.2.0' })],
  ]);
  assert.match(checkVersions(nodes, '0.1.0').message, /0\.1\.0 here, 0\.2\.0 on charlie$/);
  assert.equal(checkVersions(nodes, '0.1.0').outcome, 'warning');
  assert.equal(checkVersions(new Map(), '0.1.0').outcome, 'ok');
});
