/** A difference between a topic as it is and as it should be. */
interface TopicDifference {
  readonly severity: 'fatal' | 'warning';
  readonly topic: string;
  /** Kafka's name of the setting, or `topic`, `partitions`, `replication.factor`. */
  readonly setting: string;
  readonly actual: string;
  readonly required: string;
  readonly fact: string;
  readonly remedy: string;
  readonly message: string;
}

/** What became of one topic. */
export interface TopicReport {
  readonly topic: string;
  readonly created: boolean;
  readonly findings: readonly TopicDifference[];
}

/** Both topics as `slotcast topic create --output json` and `topic check` print them. */
export function topicsJson(reports: readonly TopicReport[]): readonly object[] {
  return reports.map(({ topic, created, findings }) => ({
    topic,
    created,
    findings: findings.map((finding) => ({
      severity: finding.severity,
      topic: finding.topic,
      setting: finding.setting,
      actual: finding.actual,
      required: finding.required,
      fact: finding.fact,
      remedy: finding.remedy,
      message: finding.message,
    })),
  }));
}
