import type { SystemIdentifier } from '../vocabulary/identity.ts';
import { formatLsn, type Lsn, lsn } from '../vocabulary/lsn.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { ServerLife } from '../vocabulary/server-life.ts';
import type { EventOrigin, Manifest } from '../vocabulary/slot-event.ts';
import {
  branchOf,
  descendsFrom,
  describeHistory,
  type TimelineHistory,
} from '../vocabulary/timeline-history.ts';

export const claimRefusalCodes = [
  'other_system',
  'higher_timeline',
  'other_history',
  'restored',
  'split_brain',
  'unknown_node',
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
export interface ClaimingServer extends ServerLife {
  readonly systemIdentifier: SystemIdentifier;
  readonly history: TimelineHistory;
  readonly node: string;
  /** Up to here its WAL is flushed. */
  readonly flushLsn: Lsn;
}

/**
 * A record may lie on several pages, and only what was flushed of it counts as published: where the rest was lost, recovery ends before it, and the server goes on
 * behind it. Records of the server itself are smaller than this.
 */
const LONGEST_RECORD_BYTES = 1024n * 1024n;

/**
 * Judges whether a publisher may claim the slots topic for its server, from the newest manifest in the topic.
 *
 * Refused are: another system identifier; a topic on a higher timeline (this server was left behind by a promotion); a topic whose
 * timeline is not this server's nor one that it came from (another history); WAL that ends before what was published of it, as on a server that was restored to an older state;
 * the same timeline first published by another node: a timeline is born on one server only, and two standbys promoted at the same position have equal histories;
 * and a later timeline of a node that was never recorded as a standby of this line, as of a copy that was promoted for a test.
 *
 * `takeOver` overrides the last two alone, for a data directory that moved to a renamed host, and for a server that a person has made the primary. The others mean that the topic holds
 * positions of WAL that this server does not have, and no statement of an operator changes that: they need another topic.
 *
 * Throws a RangeError when the server's timeline and its history do not belong together.
 */
export function judgeClaim(input: {
  readonly manifest: Manifest | undefined;
  /** The newest record of the topic. */
  readonly last: EventOrigin | undefined;
  /** The largest epoch in any record of the topic; 0 when there is none. */
  readonly highestEpoch: number;
  readonly server: ClaimingServer;
  /** What the server's node has on record of itself. */
  readonly record: NodeStatus | undefined;
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
  const refusal =
    refuseOtherWal(manifest, server) ??
    refuseSplitBrain(manifest, server, takeOver) ??
    refuseRestored(input.last ?? manifest, server, input.record) ??
    refuseUnknown(manifest, server, takeOver ? undefined : { record: input.record });
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
        `writes timeline ${server.timeline}. Either this server was left behind by a promotion, or node ${manifest.node} is a copy that was ` +
        `promoted, as for a test. ${DECIDE} If it is that one, stop this server, keep what only it has, and let it rejoin as a standby. If timeline ${manifest.history.timeline} ` +
        'is to be given up, stop the services of that server, delete the topic, and create it again with slotcast topic create.',
    );
  }
  if (!descendsFrom(server.history, manifest.history)) {
    return refuse(
      'other_history',
      `the topic, last published by node ${manifest.node} at ${formatLsn(manifest.lsn)}, has the timeline history ` +
        `${describeHistory(manifest.history)}; this server, node ${server.node}, has ${describeHistory(server.history)}: they ` +
        `parted at different points of the WAL, so two servers were promoted, and one of them may be a copy, as for a test. ${DECIDE} If it is this one, stop the services of the ` +
        'other, delete the topic, and create it again with slotcast topic create.',
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
      `and this server, node ${server.node}, writes the same timeline: two servers act as primary, and one of them may be a copy, as for a test. ${DECIDE} ` +
      'Only if this is the same data directory under another name, start once with SLOTCAST_TAKE_OVER=true.',
  );
}

/**
 * On one timeline a server never loses WAL that was flushed, unless its data directory was replaced by an older one. One that has written beyond that again is found by where
 * its recovery ended when it was started, as long as it has not been stopped in an orderly way since.
 */
function refuseRestored(
  published: EventOrigin,
  server: ClaimingServer,
  record: NodeStatus | undefined,
): ClaimRefusal | undefined {
  if (published.timeline !== server.timeline) {
    return undefined;
  }
  const { flushLsn, replayedLsn } = server;
  const isStartedSince = record?.role === 'primary' && record.serverStartedAt !== server.serverStartedAt;
  const recovered = isStartedSince && record.serverStartedAt !== undefined ? replayedLsn : undefined;
  const isShort = flushLsn < published.lsn;
  if (!isShort && (recovered === undefined || recovered + LONGEST_RECORD_BYTES >= published.lsn)) {
    return undefined;
  }
  const end = isShort
    ? `its WAL ends at ${formatLsn(flushLsn)}`
    : `its WAL ended at ${formatLsn(recovered ?? lsn(1n))} when it was started, and has been written anew since`;
  return refuse(
    'restored',
    `the topic was published by node ${published.node} at ${formatLsn(published.lsn)} of timeline ${published.timeline}; this server, node ${server.node}, writes the same ` +
      `timeline, but ${end}: it was restored to an older state, and the standbys have WAL that it lost. If that was not meant, stop this server, and promote a standby, which has that WAL. ` +
      'If it was, keep a copy of a standby as long as its commits may be wanted, rebuild the standbys from this server, delete the topic, and create it again with slotcast topic create.',
  );
}

/** `known` is absent when a person has said that the server is the primary. */
function refuseUnknown(
  manifest: Manifest,
  server: ClaimingServer,
  known: { readonly record: NodeStatus | undefined } | undefined,
): ClaimRefusal | undefined {
  const isPublisher = [manifest.node, manifest.timelineNode].includes(server.node);
  if (known === undefined || isPublisher || isOfLine(known.record, server)) {
    return undefined;
  }
  return refuse(
    'unknown_node',
    `the topic is published by node ${manifest.node}, at ${formatLsn(manifest.lsn)} of timeline ${manifest.history.timeline} last; this server, node ${server.node}, was promoted to timeline ` +
      `${server.timeline}, and nothing is on record of it as a standby of that cluster: it may be a copy, as for a test. If it is, give its services a SLOTCAST_CLUSTER of their own, or stop them. Only if it is the ` +
      'primary now, start its publisher once with SLOTCAST_TAKE_OVER=true.',
  );
}

/** True when the record tells of a server that this one may be: a standby of the line, or one that has handed slots over or published. */
function isOfLine(record: NodeStatus | undefined, { systemIdentifier, history }: ClaimingServer): boolean {
  if (record?.systemIdentifier !== systemIdentifier) {
    return false;
  }
  const { role, timeline, replayLsn } = record;
  return role === 'primary' || replayLsn === undefined
    ? timeline <= history.timeline
    : branchOf(history, { timeline, lsn: replayLsn }) === 'on_history';
}

const DECIDE =
  'A person has to decide which of them is the primary before anything is done to either; destroy neither before that.';

function refuse(code: ClaimRefusalCode, message: string): ClaimRefusal {
  return { kind: 'refuse', code, message };
}
