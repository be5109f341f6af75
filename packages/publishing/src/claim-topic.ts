import { randomUUID } from 'node:crypto';
import {
  type ClaimGranted,
  type ClaimRefusal,
  continuityOf,
  findBranches,
  findSurvivor,
  findUnjudged,
  judgeClaim,
  judgeFenced,
  type Manifest,
  type Outlived,
  orphansOf,
  otherPrimaries,
  outlivedBy,
  ownedLogical,
  type Promotion,
  publishedBefore,
  type ServerLife,
  type SlotsTopic,
  type Timeline,
  type TimelineHistory,
  tellsOfAll,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type SettledHandOff, tellAllUnknown } from '@slotcast/hand-off';
import { type Clock, type ErrorCode, type Logger, SlotcastError } from '@slotcast/kernel';
import type { WalEnd } from '@slotcast/postgres';
import {
  awaitNodeName,
  NodeDirectory,
  type NodesReader,
  nodeTombstones,
  SlotsReader,
  type TopicsContext,
} from '@slotcast/topics';
import { awaitPredecessor } from './await-predecessor.ts';
import type { PrimaryIdentity } from './primary.ts';
import { Tenure, type TenureFacts } from './tenure.ts';

/** What the publisher is and where it writes. */
export interface PublisherIdentity {
  readonly node: string;
  /** Random id of this process. */
  readonly instance: string;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
  readonly transactionalId: string;
  readonly takeOver: boolean;
  /** How long a publisher is waited for that is at work beside the former primary. */
  readonly demotionWaitMs: number;
  /** slotcast's version. */
  readonly version: string;
}

/** The tenure of this process that ended last. */
export interface FormerTenure {
  readonly epoch: number;
  readonly lineage: string;
}

/** The slots of the server are not known to be handed over, so nothing may be claimed: the server is to be looked at from the beginning. */
export function handOffOpen(timeline: Timeline): SlotcastError {
  return new SlotcastError(
    'SC_HAND_OFF_OPEN',
    `the topic is not claimed: no hand-off of this server's promotion to timeline ${timeline} is on record, or the server has left that timeline`,
  );
}

const refusalErrors = {
  other_system: 'SC_OTHER_SYSTEM',
  higher_timeline: 'SC_HIGHER_TIMELINE',
  other_history: 'SC_SPLIT_BRAIN',
  restored: 'SC_RESTORED_PRIMARY',
  split_brain: 'SC_SPLIT_BRAIN',
  unknown_node: 'SC_UNKNOWN_NODE',
  other_instance: 'SC_DUPLICATE_NODE',
} as const satisfies Record<ClaimRefusal['code'], ErrorCode>;

/** What a claim is made with. */
export interface ClaimOptions {
  readonly topics: TopicsContext;
  /** Has replayed the nodes topic. */
  readonly nodes: NodesReader;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly identity: PublisherIdentity;
  readonly server: PrimaryIdentity;
  /** Reads where the server's WAL ends, which has to be newer than what is read of the topic. Rejects when it is not the primary any more that is to be published. */
  readonly readEnd: () => Promise<WalEnd>;
  readonly former: FormerTenure | undefined;
  /** Called while it is listened for another server of this name, which may take a while. */
  readonly progressed: () => void;
  /** Called when both topics are read to their end. */
  readonly onRead: () => void;
  /** Called when nothing speaks against the claim, before anybody is fenced. */
  readonly beforeClaim: (manifest: Manifest | undefined) => Promise<SettledHandOff>;
  /** Hands the slots over once more, because of positions that this promotion's hand-off did not know, or because it was `outlived` by other primaries. */
  readonly settleAgain: (promotion: Promotion, outlived: Outlived) => Promise<SettledHandOff>;
  /** Called with the node of a publisher that is at work beside another primary. */
  readonly onRival: (node: string | undefined) => void;
  readonly signal: AbortSignal;
}

/**
 * Claims the slots topic for this server: looks first, so that a publisher that must not publish does not even fence its rightful
 * successor; waits for one that is at work beside a former primary; then fences, reads to the end that only now is final, and judges again: the claim, and
 * the positions that were published since the slots were handed over. Throws a SlotcastError: what refuses it, or
 * SC_HAND_OFF_OPEN when the server has to be looked at anew.
 */
export async function claimTopic(options: ClaimOptions): Promise<Tenure> {
  const { topics, clock, identity, former, signal } = options;
  const { log, codec } = topics;
  const slots = new SlotsReader(topics);
  try {
    await slots.replay(signal);
    options.onRead();
    await judgeFirst(slots.topic, options);
    refuseOtherInstance(slots.manifest, identity, former);
    // Two servers under one name look like one to every rule about who may publish. A process that has published before holds the name, or
    // was fenced by the one that does.
    if (former === undefined) {
      await refuseOtherServer(slots.manifest, options);
      // That may have taken a while, in which another server was promoted.
      await slots.readToEnd(signal);
      await judge(slots.topic, options);
    }
    const told = new Set<string>();
    const settled = await settleAll(slots, told, options);
    const writer = await log.claim(identity.transactionalId);
    try {
      // Also behind an open transaction of a writer that should not be there: an epoch that is not seen would be used twice.
      await slots.readToWrittenEnd(signal);
      const granted = await judge(slots.topic, options);
      const again = await judgeAgain(slots, { settled, told }, options);
      const life = await options.readEnd();
      const facts = tenureFacts(granted, again, { ...options, manifest: slots.manifest, life });
      await retireFormerName(slots.manifest, writer, options);
      const newest = [...slots.topic.newest.values()].map(({ record }) => record);
      const { manifest } = slots;
      const published = publishedBefore(newest, { manifest, timeline: facts.history.timeline });
      return new Tenure({ facts, published, orphans: orphansOf(manifest), writer, codec, clock });
    } catch (error) {
      await writer.close();
      throw error;
    }
  } finally {
    await slots.close();
  }
}

/** Hands the slots over, and waits for a publisher that is at work beside the former primary. Nobody is fenced yet. */
async function settleAll(
  slots: SlotsReader,
  told: Set<string>,
  options: ClaimOptions,
): Promise<SettledHandOff> {
  let settled = await options.beforeClaim(slots.manifest);
  let awaited: string | undefined;
  do {
    await awaitPredecessor(slots, options, async () => {
      settled = await judgeAgain(slots, { settled, told }, options);
    });
    awaited = slots.manifest?.node;
    // Another one may have claimed the topic since the last look.
    await slots.readToEnd(options.signal);
  } while (slots.manifest?.node !== awaited);
  // Both may have taken a while, in which the server became a standby again, or another one was promoted.
  await judge(slots.topic, options);
  return settled;
}

/**
 * The hand-off once more, where the topic has positions that it did not know: those of subscribers that went on at a former primary. Once that one's publisher is fenced
 * none will follow. And where another primary is at work that nobody knew of then: what subscribers confirm there need not be published at all. `told`: those that a hand-off of this claim has known.
 */
async function judgeAgain(
  slots: SlotsReader,
  { settled, told }: { readonly settled: SettledHandOff; readonly told: Set<string> },
  { server: { history }, nodes, identity, settleAgain, logger }: ClaimOptions,
): Promise<SettledHandOff> {
  const { handedOver } = settled;
  if (!handedOver.holds(slots.manifest, history)) {
    throw handOffOpen(history.timeline);
  }
  const { promotion } = handedOver;
  const isFirstClaim = slots.manifest !== undefined && slots.manifest.timeline < history.timeline;
  if (promotion === undefined || !isFirstClaim) {
    return settled;
  }
  const newest = [...slots.topic.newest.values()].map(({ record }) => record);
  const unjudged = findUnjudged(promotion, history, newest, slots.manifest?.history);
  const outlived = findPrimaries(slots, { nodes, node: identity.node, history });
  const rivals = outlivedBy(outlived, promotion);
  const isOutlived = rivals.some((rival) => !told.has(rival)) && !tellsOfAll(promotion, newest);
  rivals.forEach((rival) => told.add(rival));
  if (unjudged.length === 0 && !isOutlived) {
    return settled;
  }
  logger.warn(
    { slots: unjudged, rivals },
    'subscribers have confirmed more on another primary than the hand-off knew, or may have: handing the slots over once more',
  );
  return await settleAgain(promotion, outlived);
}

/** Other servers that were seen at work as primary after the slots of this one were handed over. */
function findPrimaries(
  { topic: { manifest } }: SlotsReader,
  own: { readonly nodes: NodesReader; readonly node: string; readonly history: TimelineHistory },
): Outlived {
  const { nodes, node, history } = own;
  const survivor = findSurvivor({ node, record: nodes.topic.nodes.get(node) }, manifest);
  const others = otherPrimaries(node, nodes.nodes.values(), nodes.silentMs());
  return { survivor, branches: findBranches(history, others) };
}

function tenureFacts(
  granted: ClaimGranted,
  { handedOver, ownership }: SettledHandOff,
  {
    identity,
    server,
    manifest,
    life,
  }: ClaimOptions & { readonly manifest: Manifest | undefined; readonly life: ServerLife },
): TenureFacts {
  return {
    epoch: granted.epoch,
    lineage: granted.lineage ?? randomUUID(),
    timelineNode: granted.timelineNode,
    instance: identity.instance,
    node: identity.node,
    version: identity.version,
    systemIdentifier: server.systemIdentifier,
    serverVersion: server.serverVersion,
    serverStartedAt: life.serverStartedAt,
    recoveredLsn: life.replayedLsn,
    continuity: continuityOf(manifest, { history: server.history, life }),
    history: server.history,
    handedOver,
    ownership,
    slotsTopic: identity.slotsTopic,
    nodesTopic: identity.nodesTopic,
  };
}

/** A server that was renamed would otherwise be taken for two that were promoted to the same timeline. */
async function retireFormerName(
  manifest: Manifest | undefined,
  writer: LogWriter,
  options: ClaimOptions,
): Promise<void> {
  const { topics, identity, server, clock, signal } = options;
  if (manifest?.timeline === server.history.timeline && manifest.timelineNode !== identity.node) {
    const { timelineNode: node } = manifest;
    await writer.append(await nodeTombstones(topics, { node, time: clock.now(), signal }));
  }
}

/** That nothing is on record of this node is concluded only when all is read that anybody has committed. */
async function judgeFirst(topic: SlotsTopic, options: ClaimOptions): Promise<void> {
  const { nodes, identity, signal } = options;
  if (!nodes.nodes.has(identity.node)) {
    await nodes.readToWrittenEnd(signal);
  }
  await judge(topic, options);
}

async function judge(topic: SlotsTopic, options: ClaimOptions): Promise<ClaimGranted> {
  const { identity, server, former } = options;
  const manifest = topic.manifest?.record;
  if (former !== undefined && manifest?.lineage !== former.lineage) {
    throw new SlotcastError(
      'SC_TOPIC_RECREATED',
      `the topic ${identity.slotsTopic} no longer holds what this publisher wrote in epoch ${former.epoch}: it was deleted, recreated or truncated`,
    );
  }
  const end = await options.readEnd();
  const verdict = judgeClaim({
    manifest,
    last: topic.last,
    highestEpoch: topic.highestEpoch,
    server: { ...server, ...end, node: identity.node },
    record: options.nodes.nodes.get(identity.node),
    takeOver: identity.takeOver,
  });
  if (verdict.kind === 'refuse') {
    if (verdict.code !== 'other_system') {
      tellOfSlots(options);
    }
    throw refusalError(verdict);
  }
  return verdict;
}

/**
 * Nobody hands over the slots of a promoted server that may not be published, and subscribers may come all the same. So they may to a primary that was left behind or restored, after they went on
 * elsewhere.
 */
function tellOfSlots({ topics, nodes, identity: { node }, logger }: ClaimOptions): void {
  const level = nodes.nodes.get(node)?.role === 'primary' ? 'warn' : 'error';
  const { ownership } = new NodeDirectory({ ...topics, node, reader: nodes });
  tellAllUnknown(ownedLogical(ownership), logger, level);
}

/** Two publishers of one node would fence each other for ever, so the one that was fenced stops. */
function refuseOtherInstance(
  manifest: Manifest | undefined,
  identity: PublisherIdentity,
  former: FormerTenure | undefined,
): void {
  if (former === undefined) {
    return;
  }
  const { node, instance } = identity;
  const verdict = judgeFenced({ manifest, own: { node, instance, epoch: former.epoch } });
  if (verdict.kind === 'refuse') {
    throw refusalError(verdict);
  }
}

/** Listens, where it has to, whether a service is at work under this name beside another server. */
async function refuseOtherServer(manifest: Manifest | undefined, options: ClaimOptions): Promise<void> {
  const { topics, nodes, logger, identity, server, progressed, signal } = options;
  const { node, instance } = identity;
  const { systemIdentifier, serverStartedAt } = server;
  const own = { node, instance, systemIdentifier, serverStartedAt };
  await awaitNodeName({
    look: () => {
      progressed();
      return Promise.resolve({ own, manifest });
    },
    directory: new NodeDirectory({ ...topics, node, reader: nodes }),
    logger,
    signal,
  });
}

function refusalError(refusal: ClaimRefusal): SlotcastError {
  return new SlotcastError(refusalErrors[refusal.code], refusal.message);
}
