import type { NodeStatus } from '../vocabulary/node-status.ts';
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
): string | undefined {
  if (manifest === undefined) {
    const knew = followers(nodes);
    const what =
      knew.length === 0
        ? 'no manifest yet: it is new'
        : `no manifest, although ${knew.join(', ')} followed one: it was recreated or emptied`;
    return `the slots topic has ${what}. Start slotcast publisher beside the primary`;
  }
  const twoPrimaries = splitBrain(manifest, nodes.values());
  if (twoPrimaries !== undefined) {
    return twoPrimaries;
  }
  // Late on one side or the other is no alarm: the topic moves on with the next publisher, replay with the next timeline.
  if (!descendsFrom(manifest.history, history) && !descendsFrom(history, manifest.history)) {
    return (
      `the topic is on the branch ${describeHistory(manifest.history)} of node ${manifest.node}, and this standby follows ` +
      `${describeHistory(history)}: it streams from another primary. Decide which one is right, and let this standby follow it`
    );
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
export function laterTimeline(manifest: Manifest | undefined, history: TimelineHistory): string | undefined {
  return manifest === undefined || manifest.timeline <= history.timeline
    ? undefined
    : `the topic is on timeline ${manifest.timeline} of node ${manifest.node}, and this standby follows timeline ${history.timeline}: it lacks what ` +
        'was committed since. Let it follow that server, or promote another standby';
}

/**
 * Says so when servers were promoted to the timeline of the newest manifest besides the one that the timeline was born on: standbys were
 * promoted independently. With the same switch point their histories are equal, and no position tells whose WAL a standby replays.
 */
export function splitBrain(manifest: Manifest, nodes: Iterable<NodeStatus>): string | undefined {
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
  return (
    `split brain: timeline ${manifest.timeline} was born on node ${manifest.timelineNode}, and node ${names} was promoted ` +
    'to it as well. Decide which of them is the primary, and let the others rejoin it as standbys'
  );
}
