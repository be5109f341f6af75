import type { EventLog, LogReader, LogRecord } from './event-log.ts';

/**
 * Reads a topic from its beginning to the end that it has now, and hands on every batch in order. Resolves with the reader, which
 * stands at that end and goes on from there. Half a replay is not a state: on any failure the reader is closed and the error thrown.
 */
export async function replayTopic(options: {
  readonly log: EventLog;
  readonly topic: string;
  readonly onRecords: (records: readonly LogRecord[]) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<LogReader> {
  const { log, topic, onRecords, signal } = options;
  const end = await log.endOffset(topic);
  const reader = await log.read(topic, 'beginning');
  try {
    await readTo({ reader, end, onRecords, signal });
    return reader;
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Reads on until the reader stands at `end` or behind it. */
export async function readTo(options: {
  readonly reader: LogReader;
  readonly end: bigint;
  readonly onRecords: (records: readonly LogRecord[]) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<void> {
  while (options.reader.position < options.end) {
    const batch = await options.reader.next(options.signal);
    await options.onRecords(batch.records);
  }
}
