import type { Config } from '@slotcast/config';
import { type ExitCode, exitCodes } from '@slotcast/kernel';
import { checksJson } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';
import { checkReport } from './check-report.ts';
import { diagnose, wantedDatabases } from './diagnose.ts';
import { examineKafka } from './examine-kafka.ts';
import { examineDatabases, examineEnd, examineServer } from './examine-server.ts';

/**
 * `slotcast doctor`: every precondition of this node, its server, Kafka and the cluster; exit code 3 when one is not met. A server
 * or a broker that does not answer is a failed check. Throws a ConfigError.
 */
export async function runDoctor(options: PrintOptions): Promise<void> {
  // The services' settings are what is checked, so theirs are the requirements.
  const config = loadSettings(options, 'consumer');
  await untilInterrupted(() => examine(config, options));
}

async function examine(config: Config, options: PrintOptions): Promise<ExitCode> {
  const [server, kafka] = await Promise.all([examineServer(config), examineKafka(config)]);
  const databases = await examineDatabases(config, wantedDatabases(config, server, kafka));
  const end = await examineEnd(config, server);
  const checks = diagnose(config, server, kafka, { databases, end });
  if (options.output === 'json') {
    await printLine(JSON.stringify(checksJson(checks), undefined, 2));
  } else {
    for (const line of checkReport(checks, hasColours())) {
      await printLine(line);
    }
  }
  return checks.some(({ outcome }) => outcome === 'failed') ? exitCodes.negative.code : exitCodes.ok.code;
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.env['TERM'] !== 'dumb' && (process.env['NO_COLOR'] ?? '') === '';
}
