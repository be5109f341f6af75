import { constants } from 'node:os';
import { dirname } from 'node:path';
import { errorText, exitCodes, signalExitCode } from '@slotcast/kernel';
import { temporaryFolder } from '@slotcast/testkit';
import { aheadTable, playAhead } from './ahead.ts';
import { type DemoCommand, HELP, parseCommandLine } from './command-line.ts';
import { DemoFailure } from './demo-failure.ts';
import { outcomeTable } from './outcome.ts';
import { playDemo } from './scenario.ts';
import { Talk } from './talk.ts';

const talk = new Talk(process.stderr, process.env);

process.exit(await main());

async function main(): Promise<number> {
  const command = parseCommandLine(process.argv.slice(2));
  switch (command.kind) {
    case 'help':
      process.stdout.write(HELP);
      return exitCodes.ok.code;
    case 'usage':
      process.stderr.write(`${command.message}\nRun \`npm run demo -- --help\`.\n`);
      return exitCodes.usage.code;
    case 'run':
      return await run(command);
  }
}

async function run({ scenario, output }: Extract<DemoCommand, { kind: 'run' }>): Promise<number> {
  endAtOnceWhenInterrupted();
  await tellRunFolder();
  try {
    const { outcome, text } = scenario === 'ahead' ? await ahead() : await failover();
    process.stdout.write(output === 'json' ? `${JSON.stringify(outcome)}\n` : `\n${text}`);
    return outcome.missing === 0 ? exitCodes.ok.code : exitCodes.negative.code;
  } catch (error) {
    explain(error);
    return exitCodes.failed.code;
  }
}

async function failover() {
  const outcome = await playDemo(talk);
  return { outcome, text: outcomeTable(outcome) };
}

async function ahead() {
  const outcome = await playAhead(talk);
  return { outcome, text: aheadTable(outcome) };
}

/**
 * Ends this process at the first signal, wherever it is. Nothing is worth an orderly end: the watchdog of the test kit ends every
 * server and removes every folder as soon as this process is gone, also those that are just being made.
 */
function endAtOnceWhenInterrupted(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      talk.interrupt(`interrupted by ${signal}: ending all servers and removing their folders`);
      process.exit(signalExitCode(constants.signals[signal]));
    });
  }
  // The script that started this process is gone, and with it whoever wanted to see the demo.
  process.on('disconnect', () => process.exit(exitCodes.failed.code));
}

/** Tells the script that started this process which folder vanishes when all is cleaned up. */
async function tellRunFolder(): Promise<void> {
  const folder = await temporaryFolder('demo');
  process.send?.({ runFolder: dirname(folder) });
}

function explain(error: unknown): void {
  talk.complain(errorText(error));
  if (error instanceof DemoFailure) {
    for (const evidence of error.evidence) {
      talk.quote(evidence);
    }
  } else if (error instanceof Error) {
    talk.quote(error.stack ?? error.message);
  }
}
