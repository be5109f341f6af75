import assert from 'node:assert/strict';
import { type EventLog, type LogReader, type LogRecord, type NewRecord, readTo } from '@slotcast/event-log';

/** What a test needs besides the port. */
export interface ContractHarness {
  /** A connection of its own to the same log. */
  connect(): EventLog;
  uniqueName(label: string): string;
  /** Settings under which `compact` can work. */
  readonly compactingConfig: ReadonlyMap<string, string>;
  /** Resolves when the topic's older records are compacted; may append records under the key `filler`. */
  compact(topic: string): Promise<void>;
  recreateTopic(topic: string): Promise<void>;
  /** Appends without a commit and dies. */
  leaveOpen(transactionalId: string, records: readonly NewRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** A case of the contract gets fresh names and a connection that all cases share. */
interface ContractContext {
  readonly harness: ContractHarness;
  readonly log: EventLog;
  readonly newTopic: () => Promise<string>;
  readonly newId: () => string;
}

export type ContractCases = Readonly<Record<string, (context: ContractContext) => Promise<void>>>;

/** A signal that is never aborted. */
export const never: AbortSignal = new AbortController().signal;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : new TextDecoder().decode(value);
}

export function record(topic: string, key: string, value: string | null): NewRecord {
  return {
    topic,
    key: bytes(key),
    value: value === null ? null : bytes(value),
    headers: new Map([['op', bytes(value === null ? 'drop' : 'update')]]),
  };
}

/** `key=value` of each record; a tombstone is `key`. */
export function shown(records: readonly LogRecord[]): readonly string[] {
  return records.map(({ key, value }) => [text(key), ...(value === null ? [] : [text(value)])].join('='));
}

/** Everything from the reader's position to the end that the topic has now. */
export async function readAll(log: EventLog, reader: LogReader, topic: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const onRecords = async (batch: readonly LogRecord[]): Promise<void> => {
    records.push(...batch);
  };
  await readTo({ reader, end: await log.endOffset(topic), onRecords, signal: AbortSignal.timeout(20_000) });
  return records;
}

export async function createTopic(
  log: EventLog,
  topic: string,
  config: ReadonlyMap<string, string> = new Map([['cleanup.policy', 'compact']]),
): Promise<string> {
  assert.equal(await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config }), true);
  return topic;
}
