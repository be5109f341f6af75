export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Writes a line with a constant message, and values as fields before it. */
interface WriteLine {
  (fields: object, message: string): void;
  (message: string): void;
}

/** Where a service says what happens; `createLogger` of observability makes one. */
export interface Logger extends Readonly<Record<Exclude<LogLevel, 'silent'>, WriteLine>> {
  /** A logger whose lines have these fields, too. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
  isLevelEnabled(level: LogLevel): boolean;
  /** Writes what is held back. */
  flush(): void;
}
