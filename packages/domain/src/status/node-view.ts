import { reason } from '../reasons/reason.ts';
import type { ClusterFacts } from '../topics/cluster-facts.ts';
import { type SilenceClocks, silentMs } from '../topics/silence.ts';
import type { Written } from '../topics/written.ts';
import { type Lsn, maxLsn } from '../vocabulary/lsn.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import { NODE_STALE_MS } from '../vocabulary/protocol-timings.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';
import { branchOf, describeHistory } from '../vocabulary/timeline-history.ts';

/**
 * `primary` publishes; `promoted` is a primary on a later timeline that has not published yet; `former_primary` was followed by
 * another one and has not come back as a standby.
 */
export const viewRoles = ['primary', 'standby', 'promoted', 'former_primary'] as const;
export type ViewRole = (typeof viewRoles)[number];

/** One node as far as the topics tell. */
export interface NodeView {
  readonly name: string;
  readonly role: ViewRole;
  /** Age of its newest record. */
  readonly ageMs: number;
  readonly stale: boolean;
  /** Its own record; a primary may have none, or one from when it was a standby. */
  readonly status?: NodeStatus | undefined;
  /** Why a standby could not carry on for the publisher's server, whatever its slots. */
  readonly unfit?: readonly Reason[] | undefined;
}

/**
 * All nodes, by name. A node is known by its own record, as the publisher, or because it published slots once; a standby whose own
 * record was taken out of the topic is gone, even if records of its slots were left.
 */
export function nodeViews(facts: ClusterFacts, clocks: SilenceClocks): NodeView[] {
  const published = [...facts.nodeSlots].filter(([, slots]) =>
    [...slots.values()].some(({ record }) => record.role === 'primary'),
  );
  const names = new Set([
    facts.manifest.record.node,
    ...facts.nodes.keys(),
    ...published.map(([name]) => name),
  ]);
  return [...names].toSorted().map((name) => nodeView(facts, name, clocks));
}

function nodeView(facts: ClusterFacts, name: string, clocks: SilenceClocks): NodeView {
  const manifest = facts.manifest.record;
  const own = facts.nodes.get(name);
  const role = roleOf(facts, name, own);
  const ageMs = Math.min(...heardOf(facts, name, own).map((heard) => silentMs(heard, clocks)));
  return {
    name,
    role,
    ageMs,
    stale: ageMs > NODE_STALE_MS,
    status: own?.record,
    unfit: role === 'standby' && own !== undefined ? findUnfitness(own.record, manifest) : undefined,
  };
}

/** The publisher's last word is its manifest: a standby's record that is older is from before its promotion. */
function roleOf(facts: ClusterFacts, name: string, own: Written<NodeStatus> | undefined): ViewRole {
  const { record: manifest, writtenAt } = facts.manifest;
  if (own?.record.role === 'standby' && (manifest.node !== name || own.writtenAt > writtenAt)) {
    return 'standby';
  }
  if (own?.record.role === 'primary' && own.record.timeline > manifest.timeline) {
    return 'promoted';
  }
  return manifest.node === name ? 'primary' : 'former_primary';
}

/** A standby is heard by its own record alone, which it renews even when none of its slots moves. */
function heardOf(
  facts: ClusterFacts,
  name: string,
  own: Written<NodeStatus> | undefined,
): readonly Written<unknown>[] {
  const { manifest } = facts;
  const said = own === undefined ? [] : [own];
  if (manifest.record.node === name) {
    return [manifest, ...said];
  }
  return own === undefined ? [...(facts.nodeSlots.get(name)?.values() ?? [])] : said;
}

function findUnfitness(status: NodeStatus, manifest: Manifest): readonly Reason[] | undefined {
  if (status.alarm !== undefined) {
    return [reason('unfit_alarm'), status.alarm];
  }
  if (status.systemIdentifier !== manifest.systemIdentifier) {
    const facts = { here: status.systemIdentifier, primary: manifest.systemIdentifier };
    return [reason('unfit_system', facts)];
  }
  if (status.timeline < manifest.timeline) {
    const facts = { here: String(status.timeline), primary: String(manifest.timeline) };
    return [reason('unfit_timeline', facts)];
  }
  const end = endOfWal(status);
  const point = end === undefined ? undefined : { timeline: status.timeline, lsn: end };
  if (point !== undefined && branchOf(manifest.history, point) === 'other_branch') {
    const facts = { timeline: String(status.timeline), primary: describeHistory(manifest.history) };
    return [reason('unfit_branch', { ...facts, position: point.lsn })];
  }
  return undefined;
}

/** How far this standby's WAL reaches: where a promotion would leave the timeline. */
export function endOfWal(standby: { readonly receiveLsn: Lsn | undefined; readonly replayLsn: Lsn }): Lsn;
export function endOfWal(standby: Pick<NodeStatus, 'receiveLsn' | 'replayLsn'>): Lsn | undefined;
export function endOfWal({
  receiveLsn,
  replayLsn,
}: Pick<NodeStatus, 'receiveLsn' | 'replayLsn'>): Lsn | undefined {
  return receiveLsn === undefined || replayLsn === undefined
    ? (receiveLsn ?? replayLsn)
    : maxLsn(receiveLsn, replayLsn);
}
