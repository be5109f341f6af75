import type { Config } from '@slotcast/config';
import { checkTopic, type EventLog, type TopicFinding, topicNames } from '@slotcast/event-log';
import { type ErrorCode, type Logger, SlotcastError } from '@slotcast/kernel';

/** The names of a cluster's topics, in the order in which they are made and checked. */
export function topicsOf(config: Config): readonly string[] {
  const { slots, nodes } = topicNames(config.topicPrefix, config.cluster);
  return [slots, nodes];
}

/** Compares both topics with what slotcast needs. */
export async function findTopicDifferences(log: EventLog, config: Config): Promise<readonly TopicFinding[]> {
  const policy = {
    brokers: await log.brokerCount(),
    bootstrapServers: config.kafkaBootstrapServers.join(','),
  };
  const findings: TopicFinding[] = [];
  for (const topic of topicsOf(config)) {
    findings.push(...checkTopic(await log.describeTopic(topic), topic, policy));
  }
  return findings;
}

/** Refuses topics that lose data; what is merely not ideal is logged once, as the check runs at every new attempt. */
export function topicVerifier(log: EventLog, config: Config, logger: Logger): () => Promise<void> {
  const told = new Set<string>();
  return async () => {
    for (const finding of await findTopicDifferences(log, config)) {
      if (finding.severity === 'fatal') {
        throw topicError(finding);
      }
      if (!told.has(finding.message)) {
        told.add(finding.message);
        logger.warn(
          { topic: finding.topic, detail: finding.message },
          'a topic is not set up as it should be',
        );
      }
    }
  };
}

/** The error for a difference with which a service must not start. */
function topicError(finding: TopicFinding): SlotcastError {
  const code = codeOf(finding);
  // A broker in its first seconds may not know of a topic that the others know.
  return new SlotcastError(code, finding.message, { mayPass: code === 'SC_TOPIC_MISSING' });
}

function codeOf({ setting }: TopicFinding): ErrorCode {
  if (setting === 'topic') {
    return 'SC_TOPIC_MISSING';
  }
  return setting === 'partitions' ? 'SC_TOPIC_PARTITIONS' : 'SC_TOPIC_CLEANUP_POLICY';
}
