import type { SlotName } from '@slotcast/domain';
import { type EventLog, type LogRecord, topicNames } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import { exitCodes, SlotcastError } from '@slotcast/kernel';
import { eventJson, type LoggedEvent } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';
import { codecFor } from '../../shared/topics-context.ts';
import { withEventLog } from '../../shared/with-event-log.ts';
import { EventTable } from './event-table.ts';

export interface EventsOptions extends PrintOptions {
  readonly follow: boolean;
  readonly slot?: SlotName;
  readonly from: bigint | 'beginning';
}

/** `slotcast events`: the records of the slots topic, up to its present end or, with `--follow`, until interrupted. */
export async function runEvents(options: EventsOptions): Promise<void> {
  const config = loadSettings(options, 'cli');
  await untilInterrupted((signal) =>
    withEventLog(config, async (log) => {
      const topic = topicNames(config.topicPrefix, config.cluster).slots;
      if ((await log.describeTopic(topic)) === undefined) {
        throw new SlotcastError(
          'SC_TOPIC_MISSING',
          `there is no topic ${topic} at ${config.kafkaBootstrapServers.join(',')}`,
        );
      }
      await list({ log, topic, codec: codecFor(config, signal), options, signal });
      return exitCodes.ok.code;
    }),
  );
}

interface Listing {
  readonly log: EventLog;
  readonly topic: string;
  readonly codec: Codec;
  readonly options: EventsOptions;
  readonly signal: AbortSignal;
}

async function list({ log, topic, codec, options, signal }: Listing): Promise<void> {
  const present = await log.endOffset(topic);
  if (options.from !== 'beginning' && options.from > present) {
    throw new SlotcastError(
      'SC_USAGE',
      `--from ${options.from}: topic ${topic} has no such offset yet, the next one is ${present}`,
    );
  }
  const end = options.follow ? undefined : present;
  const print = printer(options);
  await print.head();
  const reader = await log.read(topic, options.from);
  try {
    const isPastEnd = (offset: bigint): boolean => end !== undefined && offset >= end;
    while (!isPastEnd(reader.position)) {
      const { records } = await reader.next(signal);
      for (const record of records.filter(({ offset }) => !isPastEnd(offset))) {
        const event = await decode(codec, record);
        if (isWanted(event, options.slot)) {
          await print.row(event);
        }
      }
    }
  } finally {
    await reader.close();
  }
}

async function decode(codec: Codec, record: LogRecord): Promise<LoggedEvent> {
  const content = await codec.decodeSlotsRecord(record);
  return { offset: record.offset, timestamp: record.timestamp, content };
}

function isWanted({ content }: LoggedEvent, slot: SlotName | undefined): boolean {
  if (slot === undefined) {
    return true;
  }
  switch (content.kind) {
    case 'slot':
      return content.slot === slot;
    case 'malformed':
      return content.key === slot;
    case 'manifest':
      return false;
  }
}

interface Printer {
  head(): Promise<void>;
  row(event: LoggedEvent): Promise<void>;
}

function printer({ output }: EventsOptions): Printer {
  if (output === 'json') {
    return {
      head: () => Promise.resolve(),
      row: (event) => printLine(JSON.stringify(eventJson(event))),
    };
  }
  const table = new EventTable();
  return { head: () => printLine(table.head()), row: (event) => printLine(table.row(event)) };
}
