import { doubtFilter, type FilterText } from '../reasons/slot-filter-doubt.ts';
import type { ClusterFacts } from '../topics/cluster-facts.ts';
import { type SilenceClocks, silentMs } from '../topics/silence.ts';
import { splitBrain } from '../topics/topic-alarm.ts';
import { CANARY_SLOT } from '../vocabulary/canary-slot.ts';
import type { Timeline } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import { LATE_MS } from '../vocabulary/protocol-timings.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { FilterableSlot } from '../vocabulary/slot-filter.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { type NodeView, nodeViews } from './node-view.ts';
import { type OrphanView, orphanViews } from './orphan-view.ts';
import { type PhysicalSlotView, physicalSlotViews } from './physical-view.ts';
import { type Candidate, rankCandidates } from './promotion-candidate.ts';
import { type SlotView, slotView } from './slot-view.ts';

/** Who publishes, and from where on the WAL. */
export interface PublisherView {
  readonly node: string;
  readonly epoch: number;
  readonly timeline: Timeline;
  readonly lsn: Lsn;
  /** Age of the newest manifest. */
  readonly heartbeatAgeMs: number;
  readonly silent: boolean;
  /** It has missed two heartbeats: it, or its server, may be dead. */
  readonly late: boolean;
}

/** A cluster as its topics show it at one moment. */
export interface ClusterView {
  readonly time: number;
  readonly publisher: PublisherView;
  /** Two servers are the primary of one timeline, and what to do. */
  readonly splitBrain?: Reason | undefined;
  /** Why what is wanted may not be what was meant. */
  readonly filterDoubt?: Reason | undefined;
  readonly nodes: readonly NodeView[];
  /** The wanted slots, by name. */
  readonly slots: readonly SlotView[];
  readonly candidates: readonly Candidate[];
  /** Slots that the primary does not have, and of which copies are kept. */
  readonly orphans: readonly OrphanView[];
  /** The wanted physical slots, by name. */
  readonly physicalSlots: readonly PhysicalSlotView[];
}

export interface ClusterViewInput {
  readonly facts: ClusterFacts;
  /** Which live slots are meant to follow a failover. */
  readonly wanted: (slot: FilterableSlot) => boolean;
  /** What `wanted` was made of. */
  readonly filter: FilterText;
  /** Age of the newest manifest from which on the publisher counts as silent. */
  readonly heartbeatStaleMs: number;
  /** Looks at this node alone. */
  readonly node?: string | undefined;
  /** Looks at this slot alone. */
  readonly slot?: SlotName | undefined;
  /** The clock here, in milliseconds since 1970. */
  readonly now: number;
  /** The monotonic one, by which what arrived live is measured. */
  readonly monotonicMs: number;
}

/**
 * Builds the view. A record that was written later than `now` moves `now` on: ages are never negative, and a clock
 * that is behind makes no record look younger than the newest one.
 */
export function clusterView(input: ClusterViewInput): ClusterView {
  const { facts, node, slot } = input;
  const newestAt = newestWrite(facts);
  const now = Math.max(input.now, newestAt);
  const clocks = { wallMs: input.now, monotonicMs: input.monotonicMs, newestAt };
  const nodes = nodeViews(facts, clocks).filter(({ name }) => node === undefined || name === node);
  const standbys = standbysOf(nodes);
  const { live, wanted } = wantedSlots(facts, input.wanted);
  const slots = wanted
    .filter(({ name }) => slot === undefined || name === slot)
    .map((listed) => slotView({ facts, listed, standbys, now }));
  return {
    time: now,
    publisher: publisherView(facts, input.heartbeatStaleMs, clocks),
    splitBrain: splitBrain(facts.manifest.record, nodeRecords(facts)),
    filterDoubt: doubtFilter({ filter: input.filter, live, wanted: wanted.length, drops: 0, keeps: 0 }),
    nodes,
    slots,
    candidates: rankCandidates(facts, standbys, slots),
    orphans: orphanViews(facts, nodes).filter(({ name }) => slot === undefined || name === slot),
    physicalSlots: physicalSlotViews(facts, standbys, input.wanted).filter(
      ({ name }) => slot === undefined || name === slot,
    ),
  };
}

export function standbysOf(nodes: readonly NodeView[]): NodeView[] {
  return nodes.filter(({ role }) => role === 'standby');
}

/** On how many standbys each slot has to be ready: on all that are known, or on so many. */
export type Requirement = 'all' | number;

/** True when each wanted slot is ready on enough standbys, there is one primary for them to follow, and it is plain what is wanted. */
export function isSatisfied(view: ClusterView, requirement: Requirement): boolean {
  const { splitBrain: twoPrimaries, filterDoubt } = view;
  return (
    twoPrimaries === undefined && filterDoubt === undefined && unmetSlots(view, requirement).length === 0
  );
}

/** The slots that are ready on too few standbys. None of them: the requirement is met. */
export function unmetSlots(view: ClusterView, requirement: Requirement): SlotView[] {
  const needed = neededCopies(view, requirement);
  return view.slots.filter(({ copies }) => copies.filter(({ ready }) => ready).length < needed);
}

/** The slots that too few standbys could take over, as far as is known, though perhaps not by what is so now. */
export function lostSlots(view: ClusterView, requirement: Requirement): SlotView[] {
  const needed = neededCopies(view, requirement);
  return view.slots.filter(({ copies }) => copies.filter(({ usable }) => usable).length < needed);
}

/** Without a standby nothing is ready anywhere: `all` of none must not pass. */
function neededCopies(view: ClusterView, requirement: Requirement): number {
  return requirement === 'all' ? Math.max(1, standbysOf(view.nodes).length) : requirement;
}

/** The live slots that could follow a failover, and those that have to. One of which no event can be read counts as logical: it must not be overlooked. */
function wantedSlots(facts: ClusterFacts, wanted: (slot: FilterableSlot) => boolean) {
  const stateOf = (name: SlotName): FilterableSlot =>
    facts.slots.get(name)?.record.state ?? { name, type: 'logical' };
  const live = facts.manifest.record.slots
    .filter(({ name }) => stateOf(name).type === 'logical' && !isOwnWorkingSlot(name) && name !== CANARY_SLOT)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { live: live.map(({ name }) => name), wanted: live.filter(({ name }) => wanted(stateOf(name))) };
}

function nodeRecords(facts: ClusterFacts): NodeStatus[] {
  return [...facts.nodes.values()].map(({ record }) => record);
}

function publisherView(facts: ClusterFacts, heartbeatStaleMs: number, clocks: SilenceClocks): PublisherView {
  const { record: manifest } = facts.manifest;
  const heartbeatAgeMs = silentMs(facts.manifest, clocks);
  return {
    node: manifest.node,
    epoch: manifest.epoch,
    timeline: manifest.timeline,
    lsn: manifest.lsn,
    heartbeatAgeMs,
    silent: heartbeatAgeMs > heartbeatStaleMs,
    late: heartbeatAgeMs > LATE_MS,
  };
}

function newestWrite(facts: ClusterFacts): number {
  const times = [facts.manifest, ...facts.slots.values(), ...facts.nodes.values()].map(
    ({ writtenAt }) => writtenAt,
  );
  return times.reduce((newest, time) => Math.max(newest, time), 0);
}
