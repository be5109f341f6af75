import { type Config, filterText } from '@slotcast/config';
import {
  type ClusterFacts,
  type ClusterView,
  clusterView,
  isSatisfied,
  matchesFilters,
  type Requirement,
  type SlotName,
} from '@slotcast/domain';
import { type EventLog, type TopicNames, topicNames } from '@slotcast/event-log';
import { type ExitCode, exitCodes, SlotcastError, systemClock } from '@slotcast/kernel';
import { ClusterReader } from '@slotcast/topics';
import type { StatusReport } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { codecFor } from '../../shared/topics-context.ts';
import { withEventLog } from '../../shared/with-event-log.ts';
import { checkStatusQuestion } from './question.ts';
import { statusScreen } from './screen.ts';

export interface StatusOptions extends PrintOptions {
  readonly watch: boolean;
  readonly node?: string;
  readonly slot?: SlotName;
  /** Absent: one standby for every slot. */
  readonly require?: Requirement;
}

const WATCH_MS = 1000;
/** Who has waited for so long is told why. */
const SLOW_MS = 5000;

/** `slotcast status`: from the topics alone, so that it answers when servers do not. Exit code 3 when slots are not ready. */
export async function runStatus(options: StatusOptions): Promise<void> {
  const config = loadSettings(options, 'cli');
  await untilInterrupted((signal) =>
    withEventLog(config, async (log) => {
      const topics = topicNames(config.topicPrefix, config.cluster);
      await refuseMissingTopics(log, config, topics);
      const codec = codecFor(config, signal);
      const named = { slotsTopic: topics.slots, nodesTopic: topics.nodes };
      const records = await tellWhenSlow(
        ClusterReader.read({ log, codec, ...named, clock: systemClock }, signal),
      );
      try {
        return await answer({ config, options, records, topics, signal });
      } finally {
        await records.close();
      }
    }),
  );
}

async function tellWhenSlow<T>(reading: Promise<T>): Promise<T> {
  const text = 'slotcast: still reading the topics, and what open transactions hide of them\n';
  const timer = setTimeout(() => process.stderr.write(text), SLOW_MS);
  try {
    return await reading;
  } finally {
    clearTimeout(timer);
  }
}

async function refuseMissingTopics(log: EventLog, config: Config, topics: TopicNames): Promise<void> {
  for (const topic of [topics.slots, topics.nodes]) {
    if ((await log.describeTopic(topic)) === undefined) {
      throw new SlotcastError(
        'SC_TOPIC_MISSING',
        `there is no topic ${topic} at ${config.kafkaBootstrapServers.join(',')}`,
      );
    }
  }
}

interface Asked {
  readonly config: Config;
  readonly options: StatusOptions;
  readonly records: ClusterReader;
  readonly topics: TopicNames;
  readonly signal: AbortSignal;
}

async function answer(asked: Asked): Promise<ExitCode> {
  const { options, records, signal } = asked;
  const facts = factsOf(asked);
  checkStatusQuestion(options, viewOf(asked, facts, {}), facts);
  const show = statusScreen(options);
  const first = reportOf(asked);
  await show(first);
  if (!options.watch) {
    return isSatisfied(first.view, first.requirement) ? exitCodes.ok.code : exitCodes.negative.code;
  }
  return await Promise.race([
    records.follow(signal),
    (async () => {
      for (;;) {
        await systemClock.sleep(WATCH_MS, signal);
        await show(reportOf(asked));
      }
    })(),
  ]);
}

function factsOf({ records, topics }: Asked): ClusterFacts {
  const facts = records.facts();
  if (facts === undefined) {
    throw new SlotcastError(
      'SC_NO_MANIFEST',
      `topic ${topics.slots} has no manifest: no publisher has written to it yet`,
    );
  }
  return facts;
}

function reportOf(asked: Asked): StatusReport {
  const { config, options, records } = asked;
  const { node, slot } = options;
  return {
    cluster: config.cluster,
    view: viewOf(asked, factsOf(asked), { node, slot }),
    requirement: options.require ?? 1,
    malformed: records.unusable.length,
  };
}

function viewOf(
  { config }: Asked,
  facts: ClusterFacts,
  only: { readonly node?: string | undefined; readonly slot?: SlotName | undefined },
): ClusterView {
  return clusterView({
    facts,
    wanted: (slot) => matchesFilters(config.slots, slot),
    filter: filterText(config),
    heartbeatStaleMs: config.lagMaxMs,
    now: systemClock.now(),
    monotonicMs: systemClock.monotonicMs(),
    ...only,
  });
}
