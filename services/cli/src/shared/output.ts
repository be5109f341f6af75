import { once } from 'node:events';
import { constants } from 'node:os';
import { exitCodes, signalExitCode } from '@slotcast/kernel';

/** The form in which commands print data. */
export const outputFormats = ['text', 'json'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Writes one line of data to stdout, no faster than its reader takes it. */
export async function printLine(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) {
    await once(process.stdout, 'drain');
  }
}

/** As if the signal had ended the process, which Node ignores: `status | head` did not print its answer to the end. */
const BROKEN_PIPE = signalExitCode(constants.signals.SIGPIPE);

/**
 * Ends the process when stdout takes no more. When its reader went away, as that of `| head` does, nobody is left to print for, and nothing is said.
 * Never with 0: what was not printed was not answered.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(explainLostOutput(error)));
}

/** Ends the process once all that was printed is taken. Kafka's client may still be trying to connect, which nobody waits for any more. */
export function exitWhenPrinted(exitCode: number): void {
  process.stdout.write('', (error) => process.exit(error ? explainLostOutput(error) : exitCode));
}

function explainLostOutput(error: NodeJS.ErrnoException): number {
  if (error.code === 'EPIPE') {
    return BROKEN_PIPE;
  }
  process.stderr.write(`slotcast: the answer could not be written to standard output: ${error.message}\n`);
  return exitCodes.failed.code;
}

/** Text for a terminal: control characters, which could steer it, are shown as escapes. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
