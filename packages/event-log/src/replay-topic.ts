import { Deadline } from '@slotcast/kernel';
import type { EventLog, LogReader, LogRecord } from './event-log.ts';
import { describeKafkaFailure, HeldBackError } from './kafka/error.ts';
import { LogUnavailableError } from './log-error.ts';

/**
 * Longer than a writer of this package that died can hold readers back: its transaction times out after 10 s, for which Kafka looks every
 * 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
 */
const HELD_BACK_MS = 25_000;

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

/**
 * Reads on until everything is read that anybody had committed before the call, also behind transactions that are open now: it waits for
 * their end. After a claim this is all that the fenced writer committed. Throws a LogUnavailableError when a transaction
 * stays open too long; nothing may be concluded then from what was read.
 */
export async function readToWrittenEnd(options: {
  readonly log: EventLog;
  readonly topic: string;
  readonly reader: LogReader;
  readonly onRecords: (records: readonly LogRecord[]) => Promise<void>;
  readonly signal: AbortSignal;
  /** How long the reader may stand still. */
  readonly patienceMs?: number;
}): Promise<void> {
  const { log, topic, reader, onRecords, signal, patienceMs = HELD_BACK_MS } = options;
  const end = await log.writtenEnd(topic);
  while (reader.position < end) {
    const where = `topic ${topic} at offset ${reader.position}, before its end at ${end}`;
    const { records } = await nextWithin(reader, { signal, patienceMs, where });
    await onRecords(records);
  }
}

async function nextWithin(
  reader: LogReader,
  { signal, patienceMs, where }: { signal: AbortSignal; patienceMs: number; where: string },
): ReturnType<LogReader['next']> {
  using patience = new Deadline(signal, patienceMs);
  try {
    signal.throwIfAborted();
    return await reader.next(patience.signal);
  } catch (error) {
    if (!patience.expired || error !== patience.signal.reason) {
      throw error;
    }
    const heldBack = new HeldBackError(`nothing more could be read within ${patienceMs} ms`);
    const { text } = describeKafkaFailure(heldBack);
    throw new LogUnavailableError(`could not read on in ${where}: ${text}`, { cause: heldBack });
  }
}
