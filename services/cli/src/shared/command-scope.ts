import { constants } from 'node:os';
import { type ExitCode, signalExitCode } from '@slotcast/kernel';
import type { OutputFormat } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  /** Configuration file below the environment. */
  readonly config?: string;
}

/** Options of commands that print data. */
export interface PrintOptions extends GlobalOptions {
  readonly output: OutputFormat;
}

const stopSignals = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof stopSignals)[number];

/** How long a command may take to end once it was interrupted: closing connections is worth no more. */
const INTERRUPTED_MS = 1000;

/** A command was interrupted: whatever it had found out by then, it is no answer. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** 128 and the number of the signal, as shells have it. */
  readonly exitCode: number;

  constructor(by: StopSignal) {
    super(`interrupted by ${by}`);
    this.exitCode = signalExitCode(constants.signals[by]);
  }
}

/**
 * Runs a command by hand; it resolves with its exit code once it has printed its answer. SIGINT and SIGTERM abort its signal, and then it
 * rejects with Interrupted, whatever the command makes of that. A second one ends the process by its own effect.
 */
export async function untilInterrupted(command: (signal: AbortSignal) => Promise<ExitCode>): Promise<void> {
  const controller = new AbortController();
  let interrupted: Interrupted | undefined;
  const stop = (by: StopSignal): void => {
    const reason = new Interrupted(by);
    interrupted ??= reason;
    controller.abort(reason);
    setTimeout(() => process.exit(reason.exitCode), INTERRUPTED_MS).unref();
  };
  stopSignals.forEach((signal) => process.once(signal, stop));
  try {
    const exitCode = await command(controller.signal);
    process.exitCode = interrupted === undefined ? exitCode : interrupted.exitCode;
  } catch (error) {
    // What went wrong because of the interruption is no news.
    throw interrupted ?? error;
  } finally {
    stopSignals.forEach((signal) => process.off(signal, stop));
  }
}
