import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isNewTopic,
  laterTimeline,
  type Manifest,
  parseTimelineHistory,
  type TimelineHistory,
  timeline,
  topicAlarm,
} from '@slotcast/domain';
import { at, firstTimeline, manifest } from '../event-examples.ts';
import { textOf } from '../reason-examples.ts';
import { nodeStatus } from '../status/node-examples.ts';

const TIMEOUT = { timeout: 20_000 };

/** The history of timeline `current`; each line is an ancestor and where it was left. */
function history(current: number, ...lines: readonly string[]): TimelineHistory {
  return parseTimelineHistory(timeline(current), lines.join('\n'));
}

function published(on: TimelineHistory): Manifest {
  return manifest(['app'], { timeline: on.timeline }, { history: on, timelineNode: 'alpha' });
}

function alarm(topic: TimelineHistory, standby: TimelineHistory): string {
  return textOf(topicAlarm(published(topic), standby, new Map()));
}

const second = history(2, '1 0/5000');
const third = history(3, '1 0/5000', '2 0/9000');

describe('the alarm about the topic', TIMEOUT, () => {
  test('is raised without a manifest', () => {
    assert.match(textOf(topicAlarm(undefined, firstTimeline, new Map())), /no manifest/);
  });

  test('tells a topic that is new from one that was lost', () => {
    const fresh = new Map([['s1', nodeStatus('s1')]]);
    assert.match(textOf(topicAlarm(undefined, firstTimeline, fresh)), /no manifest yet: it is new/);
    assert.equal(isNewTopic(undefined, fresh), true);
    const followed = new Map([...fresh, ['s2', nodeStatus('s2', { lineage: 'l1' })]]);
    assert.match(
      textOf(topicAlarm(undefined, firstTimeline, followed)),
      /node s2 followed one: it was recreated/,
    );
    assert.equal(isNewTopic(undefined, followed), false);
    assert.equal(isNewTopic(published(firstTimeline), fresh), false);
  });

  test('is not raised while the topic or the standby is only late', () => {
    for (const [topic, standby] of [
      [second, second],
      [second, firstTimeline],
      [firstTimeline, second],
      [third, firstTimeline],
      [third, second],
      [firstTimeline, third],
    ] as const) {
      assert.equal(alarm(topic, standby), '');
    }
  });

  test('is raised on another branch, and stays when the topic moves on to a higher timeline', () => {
    const other = history(2, '1 0/4000');
    for (const topic of [second, third, history(3, '1 0/5000')]) {
      assert.match(alarm(topic, other), /streams from another primary/);
      assert.match(alarm(other, topic), /streams from another primary/);
    }
  });

  test('is raised when two nodes were promoted to one timeline', () => {
    const time = { time: 1, ahead: [], lost: [] };
    const rival = nodeStatus('bravo', {
      role: 'primary',
      timeline: timeline(2),
      promotion: { timeline: timeline(2), switchLsn: at(0x5000), ...time },
    });
    const said = topicAlarm(published(second), second, new Map([['bravo', rival]]));
    assert.match(textOf(said), /split brain: .* node alpha, and node bravo /);
  });
});

test('a standby lacks what was committed on a later timeline of the topic', TIMEOUT, () => {
  assert.match(textOf(laterTimeline(published(second), firstTimeline)), /timeline 2 .* timeline 1: it lacks/);
  assert.equal(laterTimeline(published(second), second), undefined);
  assert.equal(laterTimeline(published(firstTimeline), second), undefined);
  assert.equal(laterTimeline(undefined, second), undefined);
});
