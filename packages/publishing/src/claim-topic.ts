import { randomUUID } from 'node:crypto';
import {
  type ClaimGranted,
  type ClaimRefusal,
  judgeClaim,
  judgeFenced,
  type Manifest,
  type Timeline,
} from '@slotcast/domain';
import {
  type EventLog,
  type LogRecord,
  type LogWriter,
  readTo,
  readToWrittenEnd,
  replayTopic,
} from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import { awaitNodeName, NodeDirectory, type SettledHandOff } from '@slotcast/hand-off';
import { type Clock, type ErrorCode, type Logger, SlotcastError } from '@slotcast/kernel';
import type { PrimaryIdentity } from './primary.ts';
import { Tenure } from './tenure.ts';
import { TopicState } from './topic-state.ts';

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
export class HandOffOpenError extends Error {
  override readonly name = 'HandOffOpenError';

  constructor(timeline: Timeline) {
    super(
      `the topic is not claimed: no hand-off of this server's promotion to timeline ${timeline} is on record, or the server has left that timeline`,
    );
  }
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
 * successor; then fences, reads to the end that only now is final, and judges again. Throws a SlotcastError when refused, and a
 * HandOffOpenError when it has to be looked at anew.
 */
export async function claimTopic(options: {
  log: EventLog;
  codec: Codec;
  logger: Logger;
  clock: Clock;
  identity: PublisherIdentity;
  server: PrimaryIdentity;
  former: FormerTenure | undefined;
  /** Called when nothing speaks against the claim, before anybody is fenced. */
  beforeClaim: (manifest: Manifest | undefined) => Promise<SettledHandOff>;
  signal: AbortSignal;
}): Promise<Tenure> {
  const { log, codec, logger, clock, identity, server, former, beforeClaim, signal } = options;
  const topic = new TopicState(codec, logger);
  const onRecords = topic.take.bind(topic);
  const reader = await replayTopic({ log, topic: identity.slotsTopic, onRecords, signal });
  try {
    judge(topic, options);
    refuseOtherInstance(topic.manifest, identity, former);
    // Two servers under one name look like one to every rule about who may publish. A process that has published before holds the name, or
    // was fenced by the one that does.
    if (former === undefined) {
      await refuseOtherServer(topic.manifest, options);
      // That may have taken a while, in which another server was promoted.
      await readTo({ reader, end: await log.endOffset(identity.slotsTopic), onRecords, signal });
      judge(topic, options);
    }
    const { handedOver, ownership } = await beforeClaim(topic.manifest);
    const writer = await log.claim(identity.transactionalId);
    try {
      // Also behind an open transaction of a writer that should not be there: an epoch that is not seen would be used twice.
      await readToWrittenEnd({ log, topic: identity.slotsTopic, reader, onRecords, signal });
      const granted = judge(topic, options);
      if (!handedOver.holds(topic.manifest, server.history.timeline)) {
        throw new HandOffOpenError(server.history.timeline);
      }
      await retireFormerName(topic.manifest, writer, options);
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
      return new Tenure({ facts, published: topic.published, writer, codec, clock });
    } catch (error) {
      await writer.close();
      throw error;
    }
  } finally {
    await reader.close();
  }
}

/** A server that was renamed would otherwise be taken for two that were promoted to the same timeline. */
async function retireFormerName(
  manifest: Manifest | undefined,
  writer: LogWriter,
  options: { codec: Codec; identity: PublisherIdentity; server: PrimaryIdentity; clock: Clock },
): Promise<void> {
  const { codec, identity, server, clock } = options;
  if (manifest?.timeline === server.history.timeline && manifest.timelineNode !== identity.node) {
    const tombstone = codec.encodeTombstone({ node: manifest.timelineNode, time: clock.now() });
    await writer.append([{ ...tombstone, topic: identity.nodesTopic }]);
  }
}

function judge(
  topic: TopicState,
  options: { identity: PublisherIdentity; server: PrimaryIdentity; former: FormerTenure | undefined },
): ClaimGranted {
  const { identity, server, former } = options;
  if (former !== undefined && topic.manifest?.lineage !== former.lineage) {
    throw new SlotcastError(
      'SC_TOPIC_RECREATED',
      `the topic ${identity.slotsTopic} no longer holds what this publisher wrote in epoch ${former.epoch}: it was deleted, recreated or truncated`,
    );
  }
  const verdict = judgeClaim({
    manifest: topic.manifest,
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
    log: EventLog;
    codec: Codec;
    logger: Logger;
    identity: PublisherIdentity;
    server: PrimaryIdentity;
    signal: AbortSignal;
  },
): Promise<void> {
  const { log, codec, logger, identity, server, signal } = options;
  const { node, instance, nodesTopic: topic } = identity;
  const directory = new NodeDirectory({ node, topic, codec, onMalformed: () => undefined, logger });
  const onRecords = (records: readonly LogRecord[]): Promise<void> => directory.take(records, false);
  const reader = await replayTopic({ log, topic, onRecords, signal });
  try {
    const { systemIdentifier, serverStartedAt } = server;
    const own = { node, instance, systemIdentifier, serverStartedAt };
    await awaitNodeName({
      look: () => Promise.resolve({ own, manifest }),
      reader,
      directory,
      logger,
      signal,
    });
  } finally {
    await reader.close();
  }
}

function refusalError(refusal: ClaimRefusal): SlotcastError {
  return new SlotcastError(refusalErrors[refusal.code], refusal.message);
}
