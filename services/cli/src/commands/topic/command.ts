import type { Config } from '@slotcast/config';
import { type EventLog, optionalTopicSettings, requiredTopic } from '@slotcast/event-log';
import { type ExitCode, exitCodes, SlotcastError } from '@slotcast/kernel';
import { findTopicDifferences, topicsOf } from '@slotcast/node';
import { type TopicReport, topicsJson } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';
import { withEventLog } from '../../shared/with-event-log.ts';

export interface TopicCreateOptions extends PrintOptions {
  /** Settings that are left to the brokers. */
  readonly without: readonly string[];
}

/** `slotcast topic create`: makes the topics that are missing; those that exist are checked and left as they are. */
export async function runTopicCreate(options: TopicCreateOptions): Promise<void> {
  const config = readConfig(options);
  refuseUnknownSettings(options.without);
  await untilInterrupted(() =>
    withEventLog(config, async (log) => {
      const brokers = await log.brokerCount();
      const created = new Set<string>();
      for (const topic of topicsOf(config)) {
        if (await log.createTopic(requiredTopic(topic, { brokers }, options.without))) {
          created.add(topic);
        }
      }
      return await report(options, await reportsOf(log, config, created));
    }),
  );
}

/** `slotcast topic check`: exit code 3 when a topic is missing or differs in a way that loses data. */
export async function runTopicCheck(options: PrintOptions): Promise<void> {
  const config = readConfig(options);
  await untilInterrupted(() =>
    withEventLog(config, async (log) => report(options, await reportsOf(log, config, new Set()))),
  );
}

function refuseUnknownSettings(without: readonly string[]): void {
  const optional = optionalTopicSettings();
  const unknown = without.filter((setting) => !optional.includes(setting));
  if (unknown.length > 0) {
    throw new SlotcastError('SC_USAGE', `--without ${unknown.join(', ')}: cannot be left out`, {
      remedy: `What can be left out: ${optional.join(', ')}.`,
    });
  }
}

function readConfig(options: PrintOptions): Config {
  return loadSettings(options, 'cli');
}

async function reportsOf(
  log: EventLog,
  config: Config,
  created: ReadonlySet<string>,
): Promise<readonly TopicReport[]> {
  const findings = await findTopicDifferences(log, config);
  return topicsOf(config).map((topic) => ({
    topic,
    created: created.has(topic),
    findings: findings.filter((finding) => finding.topic === topic),
  }));
}

async function report({ output }: PrintOptions, reports: readonly TopicReport[]): Promise<ExitCode> {
  if (output === 'json') {
    await printLine(JSON.stringify(topicsJson(reports), undefined, 2));
  } else {
    for (const { topic, created, findings } of reports) {
      await printLine(`${topic}: ${created ? 'created' : verdict(findings)}`);
      for (const finding of findings) {
        await printLine(`  ${finding.severity}: ${finding.message}`);
      }
    }
  }
  return reports.some(({ findings }) => isFatal(findings)) ? exitCodes.negative.code : exitCodes.ok.code;
}

function verdict(findings: TopicReport['findings']): string {
  if (findings.length === 0) {
    return 'ok';
  }
  return isFatal(findings) ? 'not usable' : 'usable, with differences';
}

function isFatal(findings: TopicReport['findings']): boolean {
  return findings.some(({ severity }) => severity === 'fatal');
}
