import type { NewTopic, TopicDescription } from './event-log.ts';

/** How the topics are made; all of it also is what a check expects. */
export interface TopicPolicy {
  /** How long every state of a slot is kept before compaction may thin it: `min.compaction.lag.ms`; 1 h by default. */
  readonly historyWindowMs?: number;
  /** Brokers in the Kafka cluster; 3 or more by default. */
  readonly brokers?: number;
  /** `host:port` with commas between, for the commands in findings; a placeholder by default. */
  readonly bootstrapServers?: string;
}

export interface TopicNames {
  readonly slots: string;
  readonly nodes: string;
}

/** A difference between a topic as it is and as it should be. */
export interface TopicFinding {
  /** With a fatal one events would be lost or come out of order; a warning costs disk, safety or history. */
  readonly severity: 'fatal' | 'warning';
  readonly topic: string;
  /** Kafka's name of the setting, or `topic`, `partitions`, `replication.factor`. */
  readonly setting: string;
  readonly actual: string;
  readonly required: string;
  /** What is, and what should be. */
  readonly fact: string;
  /** The command that fixes it. */
  readonly remedy: string;
  /** Both in one line. */
  readonly message: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_REPLICAS = 3;

/** Settings of which more than required does no harm. */
const minimums: ReadonlySet<string> = new Set([
  'min.compaction.lag.ms',
  'delete.retention.ms',
  'min.insync.replicas',
]);

/**
 * Names of the two topics of a cluster. Throws a RangeError when Kafka would refuse them (`Topic.validate`: up to 249 of
 * letters, digits, `.`, `_` and `-`).
 */
export function topicNames(prefix: string, cluster: string): TopicNames {
  const names = { slots: `${prefix}.${cluster}.slots`, nodes: `${prefix}.${cluster}.nodes` };
  if (prefix === '' || cluster === '' || !/^[A-Za-z0-9._-]{1,249}$/.test(names.slots)) {
    throw new RangeError(
      `not a Kafka topic: ${JSON.stringify(names.slots)}; prefix and cluster name may hold letters, digits, ".", "_" and "-", together up to 242`,
    );
  }
  return names;
}

/**
 * The transactional id of a writer to a topic: `publisher` gives `slotcast.orders.publisher` for `slotcast.orders.slots`. It begins as the names of the
 * topics do, so that clusters which share a Kafka by different prefixes do not fence each other's writers.
 */
export function writerId(topic: string, writer: string): string {
  return topic.slice(0, topic.lastIndexOf('.') + 1) + writer;
}

/** Copies of each topic: three where there are as many brokers. */
export function replicationFactor(policy: TopicPolicy = {}): number {
  return Math.min(MAX_REPLICAS, policy.brokers ?? MAX_REPLICAS);
}

/** The settings that both topics are created with. */
export function requiredTopicConfig(policy: TopicPolicy = {}): ReadonlyMap<string, string> {
  return new Map([
    ['cleanup.policy', 'compact'],
    ['min.insync.replicas', replicationFactor(policy) === MAX_REPLICAS ? '2' : '1'],
    ['min.compaction.lag.ms', String(policy.historyWindowMs ?? HOUR_MS)],
    ['max.compaction.lag.ms', String(DAY_MS)],
    ['delete.retention.ms', String(7 * DAY_MS)],
    ['segment.ms', String(HOUR_MS)],
    ['segment.bytes', String(64 * 1024 * 1024)],
    ['message.timestamp.type', 'LogAppendTime'],
    ['unclean.leader.election.enable', 'false'],
    ['compression.type', 'producer'],
  ]);
}

/** What a topic cannot be used without. */
const INDISPENSABLE = 'cleanup.policy';

/** The settings that can be left to the brokers' own values when they refuse them: a check warns of the difference. */
export function optionalTopicSettings(): readonly string[] {
  return [...requiredTopicConfig().keys()].filter((setting) => setting !== INDISPENSABLE);
}

/** All that is needed to create one of the topics, without the optional settings that are to be left to the brokers. */
export function requiredTopic(
  topic: string,
  policy: TopicPolicy = {},
  without: readonly string[] = [],
): NewTopic {
  const left = optionalTopicSettings().filter((setting) => without.includes(setting));
  return {
    topic,
    partitions: 1,
    replicationFactor: replicationFactor(policy),
    config: new Map([...requiredTopicConfig(policy)].filter(([setting]) => !left.includes(setting))),
  };
}

/** Compares a topic with what is required; `undefined` is a topic that does not exist. Nothing found: nothing to fix. */
export function checkTopic(
  description: TopicDescription | undefined,
  topic: string,
  policy: TopicPolicy = {},
): readonly TopicFinding[] {
  if (description === undefined) {
    return [
      finding('fatal', {
        topic,
        setting: 'topic',
        actual: 'missing',
        required: 'present',
        fact: `topic ${topic} does not exist`,
        remedy: 'create it with "slotcast topic create"',
      }),
    ];
  }
  const findings: TopicFinding[] = [];
  if (description.partitions !== 1) {
    findings.push(
      finding('fatal', {
        topic,
        setting: 'partitions',
        actual: String(description.partitions),
        required: '1',
        fact: `topic ${topic} has ${description.partitions} partitions, which keep no common order; it must have 1. Partitions cannot be taken away`,
        remedy: `stop slotcast on every node, delete the topic (kafka-topics.sh ${toServers(policy)} --delete --topic ${topic}), then run "slotcast topic create"`,
      }),
    );
  }
  const replicas = replicationFactor(policy);
  if (description.replicationFactor < replicas) {
    findings.push(
      finding('warning', {
        topic,
        setting: 'replication.factor',
        actual: String(description.replicationFactor),
        required: String(replicas),
        fact: `topic ${topic} has ${description.replicationFactor} replicas; it should have ${replicas}, or it is lost with its broker`,
        remedy: `kafka-reassign-partitions.sh ${toServers(policy)} --reassignment-json-file <plan> --execute`,
      }),
    );
  }
  return [...findings, ...checkSettings(description, topic, policy)];
}

function checkSettings(description: TopicDescription, topic: string, policy: TopicPolicy): TopicFinding[] {
  return [...requiredTopicConfig(policy)].flatMap(([setting, required]) => {
    const actual = description.config.get(setting) ?? 'unknown';
    if (actual === required || (minimums.has(setting) && Number(actual) >= Number(required))) {
      return [];
    }
    const fatal = setting === INDISPENSABLE;
    return finding(fatal ? 'fatal' : 'warning', {
      topic,
      setting,
      actual,
      required,
      fact: `topic ${topic} has ${setting}=${actual}; it ${fatal ? 'must' : 'should'} be ${required}`,
      remedy: `kafka-configs.sh ${toServers(policy)} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}=${required}`,
    });
  });
}

function finding(
  severity: TopicFinding['severity'],
  what: Omit<TopicFinding, 'severity' | 'message'>,
): TopicFinding {
  return { severity, ...what, message: `${what.fact}: ${what.remedy}` };
}

function toServers({ bootstrapServers }: TopicPolicy): string {
  return `--bootstrap-server ${bootstrapServers ?? '<broker>'}`;
}
