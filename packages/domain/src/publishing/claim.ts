import type { SystemIdentifier, Timeline } from '../vocabulary/identity.ts';
import { formatLsn } from '../vocabulary/lsn.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';
import { descendsFrom, describeHistory, type TimelineHistory } from '../vocabulary/timeline-history.ts';

export const claimRefusalCodes = [
  'other_system',
  'higher_timeline',
  'other_history',
  'split_brain',
  'other_instance',
] as const;
export type ClaimRefusalCode = (typeof claimRefusalCodes)[number];

/** Why this publisher must not publish; the message names both sides and says what to do. */
export interface ClaimRefusal {
  readonly kind: 'refuse';
  readonly code: ClaimRefusalCode;
  readonly message: string;
}

/** This publisher may publish, with these values in its manifest. */
export interface ClaimGranted {
  readonly kind: 'claim';
  readonly epoch: number;
  /** Absent when the topic has no manifest: a new lineage has to be drawn. */
  readonly lineage: string | undefined;
  readonly timelineNode: string;
}

/** The server that a publisher speaks for. */
export interface ClaimingServer {
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: Timeline;
  readonly history: TimelineHistory;
  readonly node: string;
}

/**
 * Judges whether a publisher may claim the slots topic for its server, from the newest manifest in the topic.
 *
 * Refused are: another system identifier; a topic on a higher timeline (this server was left behind by a promotion); a topic whose
 * timeline is not this server's nor one that it came from (another history); and the same timeline first published by
 * another node: a timeline is born on one server only, and two standbys promoted at the same position have equal histories.
 *
 * `takeOver` overrides the last alone, for a data directory that moved to a renamed host. The others mean that the topic holds
 * positions of WAL that this server does not have, and no statement of an operator changes that: they need another topic.
 *
 * Throws a RangeError when the server's timeline and its history do not belong together.
 */
export function judgeClaim(input: {
  readonly manifest: Manifest | undefined;
  /** The largest epoch in any record of the topic; 0 when there is none. */
  readonly highestEpoch: number;
  readonly server: ClaimingServer;
  readonly takeOver: boolean;
}): ClaimGranted | ClaimRefusal {
  const { manifest, server, takeOver } = input;
  if (server.timeline !== server.history.timeline) {
    throw new RangeError(
      `server ${server.node} is on timeline ${server.timeline}, but its history ends with ${server.history.timeline}`,
    );
  }
  if (manifest === undefined) {
    return { kind: 'claim', epoch: input.highestEpoch + 1, lineage: undefined, timelineNode: server.node };
  }
  const refusal = refuseOtherWal(manifest, server) ?? refuseSplitBrain(manifest, server, takeOver);
  return (
    refusal ?? {
      kind: 'claim',
      epoch: Math.max(input.highestEpoch, manifest.epoch) + 1,
      lineage: manifest.lineage,
      timelineNode: server.node,
    }
  );
}

/**
 * Judges what a publisher does after it was fenced, from the newest manifest: claim again (`judgeClaim` decides about other nodes,
 * and a fencing may only be a transaction that the broker timed out), or stop, when a second publisher of the same node
 * claimed the topic after it: two of them would fence each other for ever.
 */
export function judgeFenced(input: {
  readonly manifest: Manifest | undefined;
  /** The fenced publisher, and the epoch that it had claimed. */
  readonly own: { readonly node: string; readonly instance: string; readonly epoch: number };
}): { readonly kind: 'reclaim' } | ClaimRefusal {
  const { manifest, own } = input;
  // An older epoch is a manifest of this node's previous publisher, there because this one had not written its own yet.
  if (manifest === undefined || manifest.node !== own.node || manifest.epoch < own.epoch) {
    return { kind: 'reclaim' };
  }
  if (manifest.instance === own.instance) {
    return { kind: 'reclaim' };
  }
  return refuse(
    'other_instance',
    `another publisher of node ${own.node} (instance ${manifest.instance}, epoch ${manifest.epoch}) took over from this one ` +
      `(instance ${own.instance}, epoch ${own.epoch}). Run one publisher per node, and give every node its own SLOTCAST_NODE.`,
  );
}

function refuseOtherWal(manifest: Manifest, server: ClaimingServer): ClaimRefusal | undefined {
  if (manifest.systemIdentifier !== server.systemIdentifier) {
    return refuse(
      'other_system',
      `the topic holds slots of system identifier ${manifest.systemIdentifier}, last published by node ${manifest.node}; ` +
        `this server, node ${server.node}, has ${server.systemIdentifier}: it is another database cluster, not a standby or ` +
        'restored copy of that one. Give it its own SLOTCAST_CLUSTER, or point it to the right server; if the cluster was made anew, ' +
        'delete the old topic and create it again with slotcast topic create.',
    );
  }
  if (manifest.history.timeline > server.timeline) {
    return refuse(
      'higher_timeline',
      `the topic is on timeline ${manifest.history.timeline}, published by node ${manifest.node}; this server, node ${server.node}, ` +
        `writes timeline ${server.timeline}: it was left behind by a promotion. Stop this server and let it rejoin as a standby ` +
        `(pg_rewind or a new base backup). If instead timeline ${manifest.history.timeline} was given up on purpose, as after a ` +
        'restore to an earlier point, delete the topic and create it again with slotcast topic create.',
    );
  }
  if (!descendsFrom(server.history, manifest.history)) {
    return refuse(
      'other_history',
      `the topic, last published by node ${manifest.node} at ${formatLsn(manifest.lsn)}, has the timeline history ` +
        `${describeHistory(manifest.history)}; this server, node ${server.node}, has ${describeHistory(server.history)}: they ` +
        'parted at different points of the WAL, so two servers were promoted. Decide which of them is the primary and let the other rejoin it ' +
        'as a standby; if it is this one, delete the topic and create it again with slotcast topic create.',
    );
  }
  return undefined;
}

function refuseSplitBrain(
  manifest: Manifest,
  server: ClaimingServer,
  takeOver: boolean,
): ClaimRefusal | undefined {
  const sameTimeline = manifest.history.timeline === server.timeline;
  if (!sameTimeline || manifest.timelineNode === server.node || takeOver) {
    return undefined;
  }
  return refuse(
    'split_brain',
    `timeline ${server.timeline} (history ${describeHistory(server.history)}) was first published by node ${manifest.timelineNode}, ` +
      `and this server, node ${server.node}, writes the same timeline: two servers act as primary. Stop one of them and let it rejoin as a ` +
      `standby. Only if this is the same data directory under another name, start once with SLOTCAST_TAKE_OVER=true.`,
  );
}

function refuse(code: ClaimRefusalCode, message: string): ClaimRefusal {
  return { kind: 'refuse', code, message };
}
