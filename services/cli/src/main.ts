import { describeError, exitCodeOf, exitCodes, SlotcastError } from '@slotcast/runtime';
import { CommanderError } from 'commander';
import { createCommandLine } from './command-line.ts';
import { endQuietlyWithReader } from './output.ts';

endQuietlyWithReader();
const exitCode = await runCommandLine(process.argv);
// Kafka's client may still be trying to connect, which nobody waits for any more; what was printed is waited for.
process.stdout.write('', () => process.exit(exitCode));

async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    await createCommandLine().parseAsync(argv);
    return Number(process.exitCode ?? exitCodes.ok.code);
  } catch (error) {
    if (error instanceof CommanderError) {
      return exitCodeOfCommander(error);
    }
    process.stderr.write(`slotcast: ${describeError(error)}\n`);
    if (!(error instanceof SlotcastError) && error instanceof Error) {
      process.stderr.write(`${error.stack}\n`);
    }
    return exitCodeOf(error);
  }
}

/** Commander has printed what it had to say. Help and version that were asked for are no error; help for want of a command is. */
function exitCodeOfCommander(error: CommanderError): number {
  const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
  return asked ? exitCodes.ok.code : exitCodes.usage.code;
}
