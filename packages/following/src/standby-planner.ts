import {
  type ConfirmationRhythm,
  endOfWal,
  findPin,
  type Hold,
  judgeMaking,
  type MakingPin,
  type Manifest,
  NODE_SILENT_MS,
  type NotedSlots,
  noteRhythms,
  noteUnproven,
  noteWorkingSlots,
  type OpenTransaction,
  type PinFacts,
  type PinSources,
  type Plan,
  type PlanInput,
  type PlanPolicy,
  type Probe,
  plan,
  preparedOnPrimary,
  probePin,
  type RemakingWork,
  type SettledBacklog,
  type SlotEvent,
  type SlotName,
  sameHistory,
  standingSlots,
  type TimelineHistory,
  type UnprovenSlot,
  type WorkingSlot,
  withoutPositions,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import type { NodeDirectory, SlotsFeed } from '@slotcast/topics';
import { PlanCheck } from './plan-check.ts';
import type { StandbyView } from './standby-server.ts';

/** A plan to do nothing. */
export const emptyPlan: Plan = { verdicts: [], idleProbes: [], idleAnchor: false, idleLeaders: [] };

/** The temporary slot of a database, as far as it is made. */
export interface WorkingProbe extends WorkingSlot, Pick<Probe, 'consistentPoint'> {}

/** Work under way that a plan has to know of. */
export interface WorkUnderWay {
  /** By `databaseKey`. */
  readonly probes: ReadonlyMap<string, WorkingProbe>;
  readonly anchor?: WorkingSlot | undefined;
  /** Slots that must be left alone for now, or whose last step failed. */
  readonly held: ReadonlyMap<SlotName, Hold>;
  /** Plugins that the server was seen not to load, with what it said. */
  readonly unloadable: ReadonlyMap<string, string>;
  readonly remaking: RemakingWork;
}

/** Puts together what a plan for this standby depends on. */
export class StandbyPlanner {
  readonly #node: string;
  readonly #policy: PlanPolicy;
  readonly #clock: Clock;
  readonly #feed: SlotsFeed;
  readonly #directory: NodeDirectory;
  readonly #check: PlanCheck;
  #noted: NotedSlots = new Map();
  #making: MakingPin = { kind: 'none' };
  #unproven: ReadonlyMap<SlotName, UnprovenSlot> = new Map();
  #rhythms: ReadonlyMap<SlotName, ConfirmationRhythm> = new Map();
  #resting: Plan['resting'];

  constructor(options: {
    node: string;
    policy: PlanPolicy;
    clock: Clock;
    feed: SlotsFeed;
    directory: NodeDirectory;
    metrics: ConsumerMetrics;
    logger: Logger;
  }) {
    this.#node = options.node;
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#feed = options.feed;
    this.#directory = options.directory;
    this.#check = new PlanCheck(options);
  }

  /** The oldest transaction that the primary's publisher saw open last. */
  get oldestTransaction(): OpenTransaction | undefined {
    const publisher = this.#feed.newestManifest?.node;
    return publisher === undefined ? undefined : this.#directory.nodes.get(publisher)?.oldestTransaction;
  }

  /** Nothing tells that catalog rows are held back for the slots to be made before the primary has written something. */
  get wantsWal(): boolean {
    return this.#making.kind === 'awaited' && this.#making.wantsWal;
  }

  /** `undefined` without a manifest that replay has reached: then nothing is known, and nothing may be done or forgotten. */
  plan(view: StandbyView, settled: SettledBacklog, work: WorkUnderWay): Plan | undefined {
    const { manifest } = settled;
    return manifest === undefined ? undefined : this.#plan(view, settled, manifest, work);
  }

  #plan(view: StandbyView, settled: SettledBacklog, manifest: Manifest, work: WorkUnderWay): Plan {
    const { settings } = view;
    const { ownership, nodes } = this.#directory;
    const prepared = preparedOnPrimary(nodes, manifest, view.history);
    const newest = newestEvents(settled);
    const now = this.#clock.now();
    this.#rhythms = noteRhythms(this.#rhythms, newest);
    this.#unproven = noteUnproven(this.#unproven, { local: view.slots, ownership, prepared, now });
    const pin = findPin({ node: this.#node, ...settings }, this.#pinSources(newest));
    const input: PlanInput = {
      ...this.#makingOf(view, pin, work),
      pin: withoutPositions(pin),
      desired: settled.desired,
      furthest: settled.furthest,
      manifest,
      isSuperseded: this.#isSuperseded(manifest, view.history),
      waiting: settled.waiting,
      replayLsn: view.replayLsn,
      endOfWal: endOfWal(view),
      limits: settings.slotLimits,
      local: view.slots,
      unreadable: view.unreadable,
      ownership,
      held: work.held,
      unloadable: work.unloadable,
      remaking: work.remaking,
      unproven: this.#unproven,
      prepared,
      rhythms: this.#rhythms,
      oldestTransaction: this.oldestTransaction,
      maxReplicationSlots: settings.maxReplicationSlots,
      syncReplicationSlots: settings.syncReplicationSlots,
      serverPlugins: settings.outputPluginLibraries,
      heartbeatAgeMs: this.#feed.heartbeatAgeMs(),
      policy: this.#policy,
      now,
    };
    const planned = plan(input, this.#resting);
    this.#resting = planned.resting;
    return this.#check.pass(planned, input);
  }

  /** The newest word on which slots live is of another timeline than the one that is replayed here, or replay has not reached it. */
  #isSuperseded(manifest: Manifest, history: TimelineHistory): boolean {
    const newest = this.#feed.newestManifest ?? manifest;
    return !sameHistory(manifest.history, history) || !sameHistory(newest.history, history);
  }

  /** What slots that are made now can rely on. */
  #makingOf(
    view: StandbyView,
    pin: PinFacts,
    { anchor, probes }: WorkUnderWay,
  ): Pick<PlanInput, 'making' | 'anchored' | 'probes'> {
    const { slots: local, replayLsn } = view;
    const standing = standingSlots(local, this.#directory.ownership);
    const working = [...(anchor === undefined ? [] : [anchor]), ...probes.values(), ...standing];
    const seen = { working, local, replayLsn, endOfWal: endOfWal(view), pin };
    this.#noted = noteWorkingSlots(this.#noted, seen);
    this.#making = judgeMaking(this.#noted, seen);
    const asSeen = [...probes].map(([database, { name, consistentPoint }]): [string, Probe] => [
      database,
      { consistentPoint, pin: probePin(this.#noted.get(name)) },
    ]);
    return { making: this.#making, anchored: anchor !== undefined, probes: new Map(asSeen) };
  }

  /** What holds back vacuum upstream is what is so there now, not at the point that replay has reached here. */
  #pinSources(slots: ReadonlyMap<SlotName, SlotEvent>): PinSources {
    return {
      slots,
      nodes: this.#directory.nodes,
      primary: this.#feed.newestManifest?.node,
      silent: this.#directory.reader.silentFor(NODE_SILENT_MS),
    };
  }
}

/** The newest events, those that wait for replay among them. */
function newestEvents(settled: SettledBacklog): ReadonlyMap<SlotName, SlotEvent> {
  if (settled.waiting.size === 0) {
    return settled.desired;
  }
  const newest = new Map(settled.desired);
  settled.waiting.forEach((waiting, slot) => newest.set(slot, waiting.newest));
  return newest;
}
