import { reason } from '../reasons/reason.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';
import { descendsFrom, describeHistory, type TimelineHistory } from '../vocabulary/timeline-history.ts';

/**
 * Why a standby with this history must not follow what the topic says; `undefined` when it may. That replay has not reached the manifest is
 * no reason: it waits.
 */
export function topicAlarm(
  manifest: Manifest | undefined,
  history: TimelineHistory,
  nodes: ReadonlyMap<string, NodeStatus>,
): Reason | undefined {
  if (manifest === undefined) {
    const knew = followers(nodes);
    return knew.length === 0 ? reason('topic_new') : reason('topic_emptied', { nodes: knew });
  }
  const twoPrimaries = splitBrain(manifest, nodes.values());
  if (twoPrimaries !== undefined) {
    return twoPrimaries;
  }
  // Late on one side or the other is no alarm: the topic moves on with the next publisher, replay with the next timeline.
  if (!descendsFrom(manifest.history, history) && !descendsFrom(history, manifest.history)) {
    const branches = { topic: describeHistory(manifest.history), here: describeHistory(history) };
    return reason('other_branch', { ...branches, node: manifest.node });
  }
  return undefined;
}

/** True while nobody has ever published to the topic, as far as the nodes tell: nothing is wrong then, only nothing known. */
export function isNewTopic(manifest: Manifest | undefined, nodes: ReadonlyMap<string, NodeStatus>): boolean {
  return manifest === undefined && followers(nodes).length === 0;
}

/** Nodes that have published or followed a manifest before. */
function followers(nodes: ReadonlyMap<string, NodeStatus>): readonly string[] {
  return [...nodes.values()].filter(({ lineage }) => lineage !== undefined).map(({ node }) => `node ${node}`);
}

/**
 * Why a standby with this history has not all that was published: the topic is on a later timeline. Whether it is only late, or stayed
 * with another server, cannot be told from here; promoted now it would lack what was committed there.
 */
export function laterTimeline(manifest: Manifest | undefined, history: TimelineHistory): Reason | undefined {
  return manifest === undefined || manifest.timeline <= history.timeline
    ? undefined
    : reason('later_timeline', {
        topic: String(manifest.timeline),
        node: manifest.node,
        here: String(history.timeline),
      });
}

/**
 * Says so when servers were promoted to the timeline of the newest manifest besides the one that the timeline was born on: standbys were
 * promoted independently. With the same switch point their histories are equal, and no position tells whose WAL a standby replays.
 */
export function splitBrain(manifest: Manifest, nodes: Iterable<NodeStatus>): Reason | undefined {
  const rivals = [...nodes].filter(
    (node) =>
      node.role === 'primary' &&
      node.node !== manifest.timelineNode &&
      node.systemIdentifier === manifest.systemIdentifier &&
      node.promotion?.timeline === manifest.timeline,
  );
  if (rivals.length === 0) {
    return undefined;
  }
  const names = rivals.map(({ node }) => node).join(', node ');
  const { timeline, timelineNode: node } = manifest;
  return reason('split_brain', { timeline: String(timeline), node, rivals: names });
}
