import { type Logger, type LogLevel, logLevels } from '@slotcast/kernel';
import type { Note } from '../types.ts';

type LogNote = Extract<Note, { kind: 'log' }>;
type Fields = Readonly<Record<string, unknown>>;

/** What the notes of a service begin with. */
export interface NoteSource {
  /** What is less than this is dropped. */
  readonly level: LogLevel;
  readonly process: string;
  readonly now: () => number;
  readonly onNote: (note: LogNote) => void;
}

/** A logger of a service whose lines become notes, with the values as they are. */
export function noteLogger(source: NoteSource, common: Fields = {}): Logger {
  const isLevelEnabled = (level: LogLevel): boolean =>
    logLevels.indexOf(level) >= logLevels.indexOf(source.level);
  const write =
    (level: Exclude<LogLevel, 'silent'>) =>
    (first: object | string, text?: string): void => {
      if (!isLevelEnabled(level)) {
        return;
      }
      const { process, now, onNote } = source;
      const fields = typeof first === 'string' ? common : { ...common, ...first };
      const message = typeof first === 'string' ? first : (text ?? '');
      const isLoud = level === 'warn' || level === 'error' || level === 'fatal';
      onNote({ kind: 'log', at: now(), process, level: isLoud ? level : 'info', message, fields });
    };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child: (fields) => noteLogger(source, { ...common, ...fields }),
    isLevelEnabled,
    flush: () => undefined,
  };
}
