import type { LogLevel } from './logger.ts';

/**
 * The log level for the n-th failure in a row (from 1) of something that is tried again: a hiccup is nothing to wake anyone for, a
 * lasting failure is.
 */
export function repeatLevel(failuresInRow: number): Extract<LogLevel, 'info' | 'warn' | 'error'> {
  if (failuresInRow >= 10) {
    return 'error';
  }
  return failuresInRow >= 3 ? 'warn' : 'info';
}
