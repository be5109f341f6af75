import { constants } from 'node:os';
import { errorCodes } from './error-codes.ts';
import { errorFields, stackOf } from './error-fields.ts';
import { exitCodes, signalExitCode } from './exit-code.ts';
import type { Logger } from './logger.ts';
import { exitCodeOf, SlotcastError } from './slotcast-error.ts';

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
type StopSignal = (typeof stopSignals)[number];

/** How long `main` may take to end after a failure outside of it. An operator's stop has no limit: a second signal ends the process. */
const FAILURE_GRACE_MS = 10_000;

/** Reason of the signal when the operator asked for the stop. */
export class StopRequested extends Error {
  override readonly name = 'StopRequested';

  constructor(by: StopSignal) {
    super(`stop requested by ${by}`);
  }
}

export interface RunServiceOptions {
  readonly logger: Logger;
}

/**
 * Runs a service until it ends, then exits the process. SIGTERM and SIGINT abort the signal, and what `main` rejects with from
 * then on by that reason is a clean stop, exit code 0; a second one exits at once with 128 + its number. Otherwise the first
 * error decides: it is logged, with code and remedy, and a SlotcastError's exit code is used, else 1. An unhandled
 * rejection or exception counts as such an error. Lines that were logged are written before the exit.
 */
export async function runService(
  main: (signal: AbortSignal) => Promise<void>,
  { logger }: RunServiceOptions,
): Promise<never> {
  const controller = new AbortController();
  let firstError: { readonly error: unknown } | undefined;

  const fail = (error: unknown): void => {
    if (controller.signal.aborted && error === controller.signal.reason) {
      return;
    }
    if (firstError === undefined) {
      firstError = { error };
      logFatal(logger, error);
    } else {
      logger.warn(errorFields(error, logger), 'another error while stopping');
    }
  };
  const failFromOutside = (error: unknown): void => {
    fail(error);
    controller.abort(error);
    setTimeout(() => exit(logger, exitCodeOf(firstError?.error)), FAILURE_GRACE_MS).unref();
  };
  const stop = (signal: StopSignal): void => {
    if (controller.signal.aborted) {
      logger.warn({ signal }, 'second signal: exiting at once');
      exit(logger, signalExitCode(constants.signals[signal]));
    }
    logger.info({ signal }, 'stopping');
    controller.abort(new StopRequested(signal));
  };

  for (const signal of stopSignals) {
    process.on(signal, stop);
  }
  process.on('unhandledRejection', failFromOutside);
  process.on('uncaughtException', failFromOutside);
  try {
    await main(controller.signal);
  } catch (error) {
    fail(error);
  }
  return exit(logger, firstError === undefined ? exitCodes.ok.code : exitCodeOf(firstError.error));
}

function logFatal(logger: Logger, error: unknown): void {
  const fields = errorFields(error, logger);
  // A defect is reported with its stack.
  const unexpected = {
    code: 'SC_UNEXPECTED',
    remedy: errorCodes.SC_UNEXPECTED.remedy,
    stack: stackOf(error),
  };
  logger.fatal(error instanceof SlotcastError ? fields : { ...fields, ...unexpected }, 'failed');
}

function exit(logger: Logger, code: number): never {
  logger.info({ exitCode: code }, 'stopped');
  logger.flush();
  process.exit(code);
}
