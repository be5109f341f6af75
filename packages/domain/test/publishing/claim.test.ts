import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ClaimingServer,
  judgeClaim,
  judgeFenced,
  lsn,
  type Manifest,
  type NodeStatus,
  parseLsn,
  parseSystemIdentifier,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { nodeStatus } from '../status/node-examples.ts';

const system = parseSystemIdentifier('7420156612345678901');

/** `line(3, '1@0/300', '2@0/500')`: on timeline 3, after leaving 1 and 2 at these positions. */
function line(current: number, ...left: string[]): TimelineHistory {
  const ancestors = left.map((text) => {
    const [parent = '', position = ''] = text.split('@');
    return { timeline: timeline(Number(parent)), switchLsn: parseLsn(position) };
  });
  return { timeline: timeline(current), ancestors };
}

function server(node: string, history: TimelineHistory, over: Partial<ClaimingServer> = {}): ClaimingServer {
  const life = { timeline: history.timeline, serverStartedAt: 1, replayedLsn: undefined };
  return { ...life, systemIdentifier: system, history, node, flushLsn: lsn(0x900n), ...over };
}

function manifest(node: string, history: TimelineHistory, over: Partial<Manifest> = {}): Manifest {
  return {
    kind: 'manifest',
    lsn: lsn(0x900n),
    timeline: history.timeline,
    epoch: 5,
    seq: 40,
    node,
    time: 1_700_000_000_000,
    systemIdentifier: system,
    history,
    timelineNode: node,
    instance: 'i1',
    lineage: 'l1',
    slots: [],
    ...over,
  };
}

/** By default the server's node is on record as a standby that has replayed little. */
function judge(
  topic: Manifest | undefined,
  of: ClaimingServer,
  takeOver = false,
  record: NodeStatus | undefined = standby(of.node),
) {
  return judgeClaim({ manifest: topic, last: topic, highestEpoch: 7, server: of, record, takeOver });
}

function standby(node: string, over: Partial<NodeStatus> = {}): NodeStatus {
  return nodeStatus(node, { systemIdentifier: system, replayLsn: lsn(1n), ...over });
}

/** Asserts a refusal whose message holds every one of `parts`. */
function assertRefused(verdict: ReturnType<typeof judge>, code: string, ...parts: string[]): void {
  assert.ok(verdict.kind === 'refuse', 'the claim was granted');
  assert.equal(verdict.code, code);
  for (const part of parts) {
    assert.ok(verdict.message.includes(part), `${JSON.stringify(part)} is missing in: ${verdict.message}`);
  }
}

describe('claiming the slots topic', { timeout: 20_000 }, () => {
  test('a topic without a manifest is claimed with a new lineage', () => {
    assert.deepEqual(
      judgeClaim({
        manifest: undefined,
        last: undefined,
        highestEpoch: 0,
        server: server('n1', line(1)),
        record: undefined,
        takeOver: false,
      }),
      {
        kind: 'claim',
        epoch: 1,
        lineage: undefined,
        timelineNode: 'n1',
      },
    );
  });

  test('a restarted publisher of the same node goes on with lineage and timeline, under a higher epoch', () => {
    assert.deepEqual(judge(manifest('n1', line(1)), server('n1', line(1))), {
      kind: 'claim',
      epoch: 8,
      lineage: 'l1',
      timelineNode: 'n1',
    });
  });

  test("a promoted standby claims its predecessor's topic", () => {
    const verdict = judge(manifest('n1', line(1)), server('n2', line(2, '1@0/300')));
    assert.deepEqual(verdict, { kind: 'claim', epoch: 8, lineage: 'l1', timelineNode: 'n2' });
  });

  test('a standby that went through several promotions unseen by the topic claims it', () => {
    const verdict = judge(
      manifest('n2', line(2, '1@0/300')),
      server('n3', line(5, '1@0/300', '2@0/400', '4@0/500')),
    );
    assert.equal(verdict.kind, 'claim');
  });

  test('another database cluster is refused, whatever the operator says', () => {
    const other = server('n2', line(1), { systemIdentifier: parseSystemIdentifier('42') });
    for (const takeOver of [false, true]) {
      assertRefused(
        judge(manifest('n1', line(1)), other, takeOver),
        'other_system',
        '42',
        system,
        'n1',
        'n2',
        'SLOTCAST_CLUSTER',
      );
    }
  });

  test('a server left behind by a promotion is refused, whatever the operator says', () => {
    const topic = manifest('n2', line(2, '1@0/300'));
    for (const takeOver of [false, true]) {
      assertRefused(
        judge(topic, server('n1', line(1)), takeOver),
        'higher_timeline',
        'n1',
        'n2',
        'timeline 2',
        'timeline 1',
        'rejoin',
        'copy',
      );
    }
  });

  test('the same timeline number with another switch point is refused, and the message shows both histories', () => {
    const topic = manifest('n2', line(2, '1@0/300'));
    for (const takeOver of [false, true]) {
      assertRefused(
        judge(topic, server('n3', line(2, '1@0/400')), takeOver),
        'other_history',
        '1@0/300 → 2',
        '1@0/400 → 2',
        'n2',
        'n3',
        '0/900',
      );
    }
  });

  test("a higher timeline that did not come from the topic's is refused", () => {
    const topic = manifest('n2', line(2, '1@0/300'));
    assertRefused(judge(topic, server('n3', line(3, '1@0/300'))), 'other_history', '1@0/300 → 3');
    assertRefused(judge(topic, server('n3', line(4, '1@0/300', '3@0/400'))), 'other_history');
    assertRefused(judge(topic, server('n3', line(3, '1@0/400', '2@0/500'))), 'other_history');
  });

  test('two standbys promoted at the same position: the second is refused, and the message names both', () => {
    const topic = manifest('n2', line(2, '1@0/300'));
    assertRefused(
      judge(topic, server('n3', line(2, '1@0/300'))),
      'split_brain',
      'n2',
      'n3',
      '1@0/300 → 2',
      'SLOTCAST_TAKE_OVER=true',
    );
  });

  test('the operator may take over a timeline for a data directory that moved to a renamed host', () => {
    const topic = manifest('n2', line(2, '1@0/300'));
    const verdict = judge(topic, server('n3', line(2, '1@0/300')), true);
    assert.deepEqual(verdict, { kind: 'claim', epoch: 8, lineage: 'l1', timelineNode: 'n3' });
  });

  test('after such a take-over the old name is the one that is refused', () => {
    const topic = manifest('n3', line(2, '1@0/300'));
    assertRefused(judge(topic, server('n2', line(2, '1@0/300'))), 'split_brain', 'n2', 'n3');
  });

  test('who published a timeline first counts, not who published last', () => {
    const topic = manifest('n2', line(2, '1@0/300'), { timelineNode: 'n3' });
    assertRefused(judge(topic, server('n2', line(2, '1@0/300'))), 'split_brain', 'n3');
    assert.equal(judge(topic, server('n3', line(2, '1@0/300'))).kind, 'claim');
  });

  test('a promoted server whose node was never recorded as a standby is refused: it may be a copy', () => {
    const topic = manifest('n1', line(1));
    const promoted = server('copy', line(2, '1@0/300'));
    const record = standby('copy');
    const refused = (known: NodeStatus | undefined) =>
      assertRefused(
        judgeClaim({ ...input, record: known }),
        'unknown_node',
        'n1',
        'copy',
        'SLOTCAST_TAKE_OVER=true',
      );
    const input = {
      manifest: topic,
      last: topic,
      highestEpoch: 7,
      server: promoted,
      record,
      takeOver: false,
    };
    refused(undefined);
    refused(standby('copy', { systemIdentifier: parseSystemIdentifier('42') }));
    // It had WAL that this server does not have, so it is another one.
    refused(standby('copy', { replayLsn: lsn(0x301n) }));
    refused(standby('copy', { timeline: timeline(3) }));
    assert.equal(judgeClaim({ ...input, record: undefined, takeOver: true }).kind, 'claim');
    assert.equal(judgeClaim(input).kind, 'claim');
    assert.equal(judgeClaim({ ...input, record: standby('copy', { replayLsn: lsn(0x300n) }) }).kind, 'claim');
    assert.equal(judgeClaim({ ...input, record: standby('copy', { role: 'primary' }) }).kind, 'claim');
  });

  test('a node that has published before may claim without a record of its own', () => {
    const topic = manifest('n1', line(1));
    const input = { manifest: topic, last: topic, highestEpoch: 7, record: undefined, takeOver: false };
    assert.equal(judgeClaim({ ...input, server: server('n1', line(2, '1@0/300')) }).kind, 'claim');
  });

  test('a primary whose WAL ends before what was published of it is refused, whatever the operator says', () => {
    const topic = manifest('n1', line(1));
    const short = server('n1', line(1), { flushLsn: lsn(0x8ffn) });
    for (const takeOver of [false, true]) {
      assertRefused(judge(topic, short, takeOver), 'restored', '0/8FF', '0/900', 'n1', 'standby');
    }
    const after = { ...topic, seq: 41, lsn: lsn(0xa00n) };
    const input = { manifest: topic, highestEpoch: 7, record: undefined, takeOver: false };
    assertRefused(judgeClaim({ ...input, last: after, server: server('n1', line(1)) }), 'restored', '0/A00');
    assert.equal(judge(topic, server('n1', line(1))).kind, 'claim');
    assert.equal(judge(topic, server('n2', line(2, '1@0/300'), { flushLsn: lsn(0x300n) })).kind, 'claim');
  });

  test('one that has written beyond that again is refused when its recovery ended before, unless that was an earlier start', () => {
    const published = lsn(0x900_0000n);
    const topic = manifest('n1', line(1), { lsn: published });
    const restored = server('n1', line(1), {
      flushLsn: lsn(0xa00_0000n),
      replayedLsn: lsn(0x800_0000n),
      serverStartedAt: 2,
    });
    const before = standby('n1', { role: 'primary', serverStartedAt: 1 });
    assertRefused(judge(topic, restored, false, before), 'restored', '0/8000000', '0/9000000');
    const same = standby('n1', { role: 'primary', serverStartedAt: 2 });
    assert.equal(judge(topic, restored, false, same).kind, 'claim');
    // The rest of a record that had been flushed in part is lost in a crash.
    const crashed = { ...restored, replayedLsn: lsn(published - 8192n) };
    assert.equal(judge(topic, crashed, false, before).kind, 'claim');
  });

  test('the epoch is above every epoch of the topic', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (highestEpoch, epoch) => {
        const verdict = judgeClaim({
          manifest: manifest('n1', line(1), { epoch }),
          last: undefined,
          highestEpoch,
          server: server('n1', line(1)),
          record: undefined,
          takeOver: false,
        });
        assert.ok(verdict.kind === 'claim' && verdict.epoch > highestEpoch && verdict.epoch > epoch);
      }),
    );
  });

  test('along one line of promotions each new primary may claim, and no former one may', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 99n }), { minLength: 1, maxLength: 5 }), (distances) => {
        let position = 0n;
        const ancestors = distances.map((bytes, index) => {
          position += bytes;
          return { timeline: timeline(index + 1), switchLsn: lsn(position) };
        });
        const tenures = Array.from({ length: ancestors.length + 1 }, (_, index) => ({
          node: `n${index}`,
          history: { timeline: timeline(index + 1), ancestors: ancestors.slice(0, index) },
        }));
        for (const [published, topic] of tenures.entries()) {
          for (const [claiming, { node, history }] of tenures.entries()) {
            const verdict = judge(manifest(topic.node, topic.history), server(node, history));
            assert.equal(verdict.kind, claiming >= published ? 'claim' : 'refuse');
          }
        }
      }),
    );
  });

  test('a server whose timeline is not that of its history is not judged', () => {
    const mixed = server('n1', line(2, '1@0/300'), { timeline: timeline(1) });
    assert.throws(() => judge(undefined, mixed), {
      name: 'RangeError',
      message: /server n1 is on timeline 1/,
    });
  });
});

describe('a fenced publisher', { timeout: 20_000 }, () => {
  const own = { node: 'n1', instance: 'i1', epoch: 5 };

  test('claims again when nobody else claimed: the broker timed its transaction out', () => {
    assert.deepEqual(judgeFenced({ manifest: undefined, own }), { kind: 'reclaim' });
    assert.deepEqual(judgeFenced({ manifest: manifest('n1', line(1)), own }), { kind: 'reclaim' });
  });

  test('stops when a second publisher of its node claimed after it, or at the same time', () => {
    for (const epoch of [5, 6]) {
      const verdict = judgeFenced({ manifest: manifest('n1', line(1), { instance: 'i2', epoch }), own });
      assert.ok(verdict.kind === 'refuse');
      assert.equal(verdict.code, 'other_instance');
      assert.match(verdict.message, /n1.*i2.*i1.*SLOTCAST_NODE/);
    }
  });

  test("is not put off by the manifest of its node's previous publisher", () => {
    const previous = manifest('n1', line(1), { instance: 'i0', epoch: 4 });
    assert.deepEqual(judgeFenced({ manifest: previous, own }), { kind: 'reclaim' });
  });

  test('leaves other nodes to the rules of the claim', () => {
    const promoted = manifest('n2', line(2, '1@0/300'), { instance: 'i2', epoch: 6 });
    assert.deepEqual(judgeFenced({ manifest: promoted, own }), { kind: 'reclaim' });
  });
});
