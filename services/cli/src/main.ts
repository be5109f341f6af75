import { describeError, exitCodeOf, exitCodes, SlotcastError } from '@slotcast/kernel';
import { CommanderError } from 'commander';
import { createCommandLine } from './command-line.ts';
import { Interrupted } from './shared/command-scope.ts';
import { endWithReader, exitWhenPrinted } from './shared/output.ts';

// Nothing is established yet. Only a command that has printed its answer changes this; whatever ends the process before says "failed".
process.exitCode = exitCodes.failed.code;
endWithReader();
exitWhenPrinted(await runCommandLine(process.argv));

async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    await createCommandLine().parseAsync(argv);
    return Number(process.exitCode ?? exitCodes.failed.code);
  } catch (error) {
    if (error instanceof Interrupted) {
      return error.exitCode;
    }
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
