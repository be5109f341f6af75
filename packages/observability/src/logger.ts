import type { Logger, LogLevel } from '@slotcast/kernel';
import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Fields of every line, such as `service`, `cluster` and `node`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where the lines go; stdout when absent. Written synchronously, so that nothing is lost when the process exits. */
  readonly stream?: DestinationStream;
}

/**
 * A logger that writes one JSON object per line: `time` (ISO 8601, UTC), `level` by name, `msg` constant, values as fields. Pass
 * LSNs through `formatLsn`: pino prints a bigint as a bare number.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { ...options.fields },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.stream ?? destination({ dest: 1, sync: true }),
  );
}
