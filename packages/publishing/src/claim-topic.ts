import { randomUUID } from 'node:crypto';
import {
  applyPublished,
  type ClaimGranted,
  type ClaimRefusal,
  judgeClaim,
  judgeFenced,
  type Manifest,
  type SlotsTopic,
  type Timeline,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { SettledHandOff } from '@slotcast/hand-off';
import { type Clock, type ErrorCode, type Logger, SlotcastError } from '@slotcast/kernel';
import {
  awaitNodeName,
  NodeDirectory,
  type NodesReader,
  nodeTombstones,
  SlotsReader,
  type TopicsContext,
} from '@slotcast/topics';
import type { PrimaryIdentity } from './primary.ts';
import { Tenure } from './tenure.ts';

/** What the publisher is and where it writes. */
export interface PublisherIdentity {
  readonly node: string;
  /** Random id of this process. */
  readonly instance: string;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
  readonly transactionalId: string;
  readonly takeOver: boolean;
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
  split_brain: 'SC_SPLIT_BRAIN',
  other_instance: 'SC_DUPLICATE_NODE',
} as const satisfies Record<ClaimRefusal['code'], ErrorCode>;

/**
 * Claims the slots topic for this server: looks first, so that a publisher that must not publish does not even fence its rightful
 * successor; then fences, reads to the end that only now is final, and judges again. Throws a SlotcastError: what refuses it, or
 * SC_HAND_OFF_OPEN when the server has to be looked at anew.
 */
export async function claimTopic(options: {
  topics: TopicsContext;
  /** Has replayed the nodes topic. */
  nodes: NodesReader;
  logger: Logger;
  clock: Clock;
  identity: PublisherIdentity;
  server: PrimaryIdentity;
  former: FormerTenure | undefined;
  /** Called while it is listened for another server of this name, which may take a while. */
  progressed: () => void;
  /** Called when nothing speaks against the claim, before anybody is fenced. */
  beforeClaim: (manifest: Manifest | undefined) => Promise<SettledHandOff>;
  signal: AbortSignal;
}): Promise<Tenure> {
  const { topics, clock, identity, server, former, beforeClaim, signal } = options;
  const { log, codec } = topics;
  const slots = new SlotsReader(topics);
  try {
    await slots.replay(signal);
    judge(slots.topic, options);
    refuseOtherInstance(slots.manifest, identity, former);
    // Two servers under one name look like one to every rule about who may publish. A process that has published before holds the name, or
    // was fenced by the one that does.
    if (former === undefined) {
      await refuseOtherServer(slots.manifest, options);
      // That may have taken a while, in which another server was promoted.
      await slots.readToEnd(signal);
      judge(slots.topic, options);
    }
    const { handedOver, ownership } = await beforeClaim(slots.manifest);
    const writer = await log.claim(identity.transactionalId);
    try {
      // Also behind an open transaction of a writer that should not be there: an epoch that is not seen would be used twice.
      await slots.readToWrittenEnd(signal);
      const granted = judge(slots.topic, options);
      if (!handedOver.holds(slots.manifest, server.history)) {
        throw handOffOpen(server.history.timeline);
      }
      await retireFormerName(slots.manifest, writer, options);
      const facts = {
        epoch: granted.epoch,
        lineage: granted.lineage ?? randomUUID(),
        timelineNode: granted.timelineNode,
        instance: identity.instance,
        node: identity.node,
        version: identity.version,
        systemIdentifier: server.systemIdentifier,
        serverVersion: server.serverVersion,
        serverStartedAt: server.serverStartedAt,
        history: server.history,
        handedOver,
        ownership,
        slotsTopic: identity.slotsTopic,
        nodesTopic: identity.nodesTopic,
      };
      const newest = [...slots.topic.newest.values()].map(({ record }) => record);
      return new Tenure({ facts, published: applyPublished(new Map(), newest), writer, codec, clock });
    } catch (error) {
      await writer.close();
      throw error;
    }
  } finally {
    await slots.close();
  }
}

/** A server that was renamed would otherwise be taken for two that were promoted to the same timeline. */
async function retireFormerName(
  manifest: Manifest | undefined,
  writer: LogWriter,
  options: {
    topics: TopicsContext;
    identity: PublisherIdentity;
    server: PrimaryIdentity;
    clock: Clock;
    signal: AbortSignal;
  },
): Promise<void> {
  const { topics, identity, server, clock, signal } = options;
  if (manifest?.timeline === server.history.timeline && manifest.timelineNode !== identity.node) {
    const { timelineNode: node } = manifest;
    await writer.append(await nodeTombstones(topics, { node, time: clock.now(), signal }));
  }
}

function judge(
  topic: SlotsTopic,
  options: { identity: PublisherIdentity; server: PrimaryIdentity; former: FormerTenure | undefined },
): ClaimGranted {
  const { identity, server, former } = options;
  const manifest = topic.manifest?.record;
  if (former !== undefined && manifest?.lineage !== former.lineage) {
    throw new SlotcastError(
      'SC_TOPIC_RECREATED',
      `the topic ${identity.slotsTopic} no longer holds what this publisher wrote in epoch ${former.epoch}: it was deleted, recreated or truncated`,
    );
  }
  const verdict = judgeClaim({
    manifest,
    highestEpoch: topic.highestEpoch,
    server: { ...server, timeline: server.history.timeline, node: identity.node },
    takeOver: identity.takeOver,
  });
  if (verdict.kind === 'refuse') {
    throw refusalError(verdict);
  }
  return verdict;
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
async function refuseOtherServer(
  manifest: Manifest | undefined,
  options: {
    topics: TopicsContext;
    nodes: NodesReader;
    logger: Logger;
    identity: PublisherIdentity;
    server: PrimaryIdentity;
    progressed: () => void;
    signal: AbortSignal;
  },
): Promise<void> {
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
