import { type ClaimingServer, type ClaimRefusalCode, judgeClaim } from '../publishing/claim.ts';
import type { SystemIdentifier } from '../vocabulary/identity.ts';
import type { NodeSlotStatus, NodeStatus } from '../vocabulary/node-status.ts';
import { HEARTBEAT_MS, NODE_SILENT_MS } from '../vocabulary/protocol-timings.ts';
import type { EventOrigin, Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { type Check, failed, info, ok, orOk, warning } from './check.ts';
import { type Heartbeat, isRecent } from './clock-check.ts';

/** What both topics say at their end. */
export interface TopicContents {
  readonly manifest: Manifest | undefined;
  readonly heartbeat: Heartbeat | undefined;
  /** The newest record of the slots topic. */
  readonly last: EventOrigin | undefined;
  /** The largest epoch in any record; 0 when there is none. */
  readonly highestEpoch: number;
  /** The newest event of each live slot. */
  readonly slots: ReadonlyMap<SlotName, SlotEvent>;
  readonly nodes: ReadonlyMap<string, NodeStatus>;
  /** Milliseconds since each of them was heard of. */
  readonly silentMs: ReadonlyMap<string, number>;
  readonly nodeSlots: readonly NodeSlotStatus[];
}

/** One of two primaries may be a copy that was promoted for a test, and which one is right cannot be told from here. */
const DECIDE_FIRST =
  'decide which server is the primary before anything is done to either, as one may be a copy; then: docs/operating/split-brain.md';

const refusalRemedies: Readonly<Record<ClaimRefusalCode, string>> = {
  other_system: 'SLOTCAST_CLUSTER=<a name of its own>, or SLOTCAST_POSTGRES_URL=<a server of that cluster>',
  higher_timeline: DECIDE_FIRST,
  other_history: DECIDE_FIRST,
  restored:
    'was this server meant to be restored? if not: stop it, and promote a standby; if so: docs/operating/split-brain.md, a primary that was restored',
  split_brain: `${DECIDE_FIRST}; if it is one server under a new name, once: SLOTCAST_TAKE_OVER=true`,
  unknown_node:
    'is this server a copy? then: SLOTCAST_CLUSTER=<a name of its own>; only if it is the primary now, once: SLOTCAST_TAKE_OVER=true',
  other_instance: 'run one publisher per node, and give every node its own SLOTCAST_NODE',
};

/** Judges whether the topic holds the slots of this server's database cluster. */
export function checkSystem(systemIdentifier: SystemIdentifier, manifest: Manifest | undefined): Check {
  if (manifest === undefined) {
    const message = `not known: nothing is in the topic yet; this server has ${systemIdentifier}`;
    return info('system_identifier', message);
  }
  if (manifest.systemIdentifier === systemIdentifier) {
    return ok('system_identifier', `${systemIdentifier}, here and in the topic`);
  }
  const message = `the topic holds slots of system identifier ${manifest.systemIdentifier}, last published by node ${manifest.node}; this server has ${systemIdentifier}: it is another database cluster`;
  return failed('system_identifier', message, refusalRemedies.other_system);
}

/** Judges whether the publisher of a primary may claim the topic; the system identifier has a check of its own. */
export function checkTimeline(
  server: ClaimingServer,
  contents: Pick<TopicContents, 'manifest' | 'last' | 'highestEpoch' | 'nodes'>,
  takeOver: boolean,
): readonly Check[] {
  const { manifest } = contents;
  const verdict = judgeClaim({ ...contents, server, record: contents.nodes.get(server.node), takeOver });
  if (verdict.kind === 'claim') {
    const there = manifest === undefined ? 'the topic is empty' : `the topic is on ${manifest.timeline}`;
    return [ok('timeline', `timeline ${server.timeline}, ${there}`)];
  }
  return verdict.code === 'other_system'
    ? []
    : [failed('timeline', verdict.message, refusalRemedies[verdict.code])];
}

/** Judges whether a publisher works; `maxSilenceMs` is how long it may be silent before slots count as lagging. */
export function checkPublisher(
  { manifest, heartbeat }: Pick<TopicContents, 'manifest' | 'heartbeat'>,
  maxSilenceMs: number,
): Check {
  if (manifest === undefined || heartbeat === undefined) {
    const remedy = '/* beside the primary */ slotcast publisher';
    return failed('publisher', 'no publisher has written anything to the topic yet', remedy);
  }
  const seconds = Math.round(heartbeat.silentMs / 1000);
  if (isRecent(heartbeat)) {
    const when = heartbeat.live ? 'wrote just now' : `wrote ${seconds} s ago`;
    return ok('publisher', `node ${manifest.node} ${when}, in epoch ${manifest.epoch}`);
  }
  const message = `node ${manifest.node}, which published last, wrote ${seconds} s ago and nothing while it was waited for; it should every ${HEARTBEAT_MS / 1000} s`;
  const remedy = '/* beside the primary */ slotcast publisher';
  return heartbeat.silentMs > maxSilenceMs
    ? failed('publisher', message, remedy)
    : warning('publisher', message, remedy);
}

/** Judges whether the consumers of all standbys work. `self` tells of this node, whose consumer sleeps while it is a primary. */
export function checkConsumers(
  { nodes, manifest, silentMs }: Pick<TopicContents, 'nodes' | 'manifest' | 'silentMs'>,
  self: { readonly node: string; readonly inRecovery: boolean },
): readonly Check[] {
  const isPrimary = (name: string): boolean =>
    name === self.node ? !self.inRecovery : name === manifest?.node;
  const standbys = [...nodes.values()].filter(({ node, role }) => role === 'standby' && !isPrimary(node));
  const found = standbys.flatMap(({ node }) => {
    const ms = silentMs.get(node) ?? Number.POSITIVE_INFINITY;
    const message = `the consumer of node ${node} last wrote ${Math.round(ms / 1000)} s ago`;
    return ms > NODE_SILENT_MS ? [warning('consumers', message, `/* on ${node} */ slotcast consumer`)] : [];
  });
  if (self.inRecovery && !nodes.has(self.node)) {
    const message = `the consumer of this node, ${self.node}, has not written anything yet`;
    found.push(warning('consumers', message, 'slotcast consumer'));
  }
  const names = standbys.map(({ node }) => node).join(', ');
  return orOk(found, 'consumers', names === '' ? 'no standby has a consumer yet' : `alive: ${names}`);
}

/** Judges whether all nodes run this version of slotcast. */
export function checkVersions(nodes: ReadonlyMap<string, NodeStatus>, version: string): Check {
  const others = [...nodes.values()].filter((node) => node.version !== version);
  if (others.length === 0) {
    return ok('slotcast_versions', `${version} here and on all nodes that have told`);
  }
  const list = others.map((node) => `${node.version} on ${node.node}`).join(', ');
  const remedy = 'install the same version of slotcast on all nodes, on the standbys first';
  return warning('slotcast_versions', `${version} here, ${list}`, remedy);
}
