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

/**
 * Runs a command by hand: SIGINT and SIGTERM abort its signal, which is a clean end, and a second one ends the process by its own
 * effect.
 */
export async function untilInterrupted(command: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort(new Error('interrupted'));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await command(controller.signal);
  } catch (error) {
    if (error !== controller.signal.reason) {
      throw error;
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
