import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

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
