import type { SystemIdentifier } from '../vocabulary/identity.ts';
import type { NodeRole, NodeStatus } from '../vocabulary/node-status.ts';
import { LATE_MS, NODE_LATE_MS, NODE_SILENT_MS } from '../vocabulary/protocol-timings.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';

/** A process that is to write as a node, and the server beside it. */
export interface NodeServer {
  readonly node: string;
  /** Random id of the process. */
  readonly instance: string;
  readonly systemIdentifier: SystemIdentifier;
  /** `pg_postmaster_start_time()`, in milliseconds since 1970. */
  readonly serverStartedAt: number;
  /** Of a standby that streams: from where, and through which physical slot. */
  readonly upstream?: string | undefined;
  readonly primarySlotName?: string | undefined;
}

/** Times in milliseconds. */
export interface NodeNameLimits {
  /** So long without a record of the node, and its service is not at work: two of its intervals, and a little. */
  readonly listenMs: Readonly<Record<NodeRole, number>>;
  /** The same where nobody needs to listen, because the topic itself went on for so long without the node. */
  readonly silentMs: number;
}

export const nodeNameLimits: NodeNameLimits = {
  listenMs: { primary: LATE_MS, standby: NODE_LATE_MS },
  silentMs: NODE_SILENT_MS,
};

/** The name is this server's to use; or another server's that is at work; or one has to listen for so long to know. */
export type NodeNameVerdict =
  | { readonly kind: 'ours' }
  | { readonly kind: 'taken'; readonly message: string }
  | { readonly kind: 'listen'; readonly forMs: number };

/**
 * The last record of a server that is being stopped may arrive after its next start. A second one cannot: it is made from a look at
 * the server after the first one was written.
 */
const PROOF = 2;

/**
 * Judges whether a process may write as its node, before it fences whoever writes as that node now. A second process beside the same
 * server may: the newer one goes on. A process beside another server may only when no service is at work under the name any more, as it is
 * when a node has moved, or its server was started anew. What tells servers apart is when they started; no clocks are compared for that.
 */
export function judgeNodeName(input: {
  readonly own: NodeServer;
  /** The newest record of the node. */
  readonly record: NodeStatus | undefined;
  /** How much later than that the newest record of any node was written, by the clock of the brokers. */
  readonly silentMs: number;
  /** How many records of the node came while it was listened for. */
  readonly heard: number;
  readonly manifest: Manifest | undefined;
  readonly limits?: NodeNameLimits;
}): NodeNameVerdict {
  const { own, record, silentMs, heard, manifest, limits = nodeNameLimits } = input;
  if (record === undefined || isSameServer(own, record) || isFormerPublisher(record, manifest)) {
    return { kind: 'ours' };
  }
  if (heard === 0 && (silentMs >= limits.silentMs || hasItsPlace(own, record))) {
    return { kind: 'ours' };
  }
  if (heard >= PROOF) {
    return { kind: 'taken', message: describeTaken(own, record) };
  }
  return { kind: 'listen', forMs: limits.listenMs[record.role] };
}

/** A record of a version that does not tell when its server started counts as one of this server, as it always did. */
export function isSameServer(
  own: Pick<NodeServer, 'systemIdentifier' | 'serverStartedAt'> & { readonly instance?: string },
  record: Pick<NodeStatus, 'instance' | 'systemIdentifier' | 'serverStartedAt'>,
): boolean {
  return (
    record.instance === own.instance ||
    record.serverStartedAt === undefined ||
    (record.serverStartedAt === own.serverStartedAt && record.systemIdentifier === own.systemIdentifier)
  );
}

/** A publisher that another one has taken the topic from writes no more, so its server may be back as a standby at once. */
function isFormerPublisher({ role, instance }: NodeStatus, manifest: Manifest | undefined): boolean {
  return role === 'primary' && manifest !== undefined && manifest.instance !== instance;
}

/** Only one standby at a time can stream through a physical slot, so the one that did so before is gone, or is this one. */
function hasItsPlace(own: NodeServer, record: NodeStatus): boolean {
  return (
    own.upstream !== undefined &&
    own.primarySlotName !== undefined &&
    own.upstream === record.upstream &&
    own.primarySlotName === record.primarySlotName &&
    own.systemIdentifier === record.systemIdentifier
  );
}

function describeTaken(own: NodeServer, record: NodeStatus): string {
  const service = record.role === 'primary' ? 'publisher' : 'consumer';
  return (
    `the name ${own.node} is in use: a ${service} (instance ${record.instance}) works under it beside ${describeServer(record)}, ` +
    `and the server of this process has system identifier ${own.systemIdentifier} and was started at ${isoTime(own.serverStartedAt)}: ` +
    'they are two servers. Nothing was changed'
  );
}

/** Another server as far as its record tells where it is. */
export function describeServer(
  record: Pick<NodeStatus, 'role' | 'upstream' | 'systemIdentifier' | 'serverStartedAt'>,
): string {
  const upstream = record.upstream === undefined ? '' : ` that streams from ${record.upstream}`;
  const started =
    record.serverStartedAt === undefined ? '' : `, started at ${isoTime(record.serverStartedAt)}`;
  return `a ${record.role}${upstream} with system identifier ${record.systemIdentifier}${started}`;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
