import { segmentNumber, walFileName } from '@slotcast/data-folder';
import {
  formatLsn,
  type Lsn,
  reasonText,
  type SlotFilters,
  topicAtPoint,
  type WalFloorInput,
  type WalNeed,
  walFloor,
  wantsSlot,
} from '@slotcast/domain';
import { exitCodes, SlotcastError } from '@slotcast/kernel';
import { readAsOf, SlotsFeed, type TopicsContext } from '@slotcast/topics';
import { walFloorJson } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';
import { topicsContext } from '../../shared/topics-context.ts';
import { withEventLog } from '../../shared/with-event-log.ts';
import { walFloorText } from './wal-floor-text.ts';

export interface WalFloorOptions extends PrintOptions {
  readonly asOfLsn?: Lsn;
  readonly slots?: SlotFilters;
  /** Bytes. */
  readonly walSegmentSize: number;
}

/** `slotcast wal-floor`: the oldest WAL that a slot of the topic needs. Exit code 3 when that cannot be told. */
export async function runWalFloor(options: WalFloorOptions): Promise<void> {
  const config = loadSettings(options, 'cli');
  const { walSegmentSize: segmentSize, output, asOfLsn } = options;
  await untilInterrupted((signal) =>
    withEventLog(config, async (log) => {
      const found = walFloor(await inputOf(topicsContext(config, log, signal), options, signal));
      const fileOf = ({ restartLsn, timeline }: WalNeed): string =>
        walFileName({ timeline, number: segmentNumber(restartLsn, segmentSize) }, segmentSize);
      const asOf = asOfLsn === undefined ? undefined : formatLsn(asOfLsn);
      const answer = walFloorJson({ found, asOf, fileOf, segmentSize });
      await printLine(
        output === 'json' ? JSON.stringify(answer, undefined, 2) : walFloorText(answer).join('\n'),
      );
      return answer.unknown.length === 0 ? exitCodes.ok.code : exitCodes.negative.code;
    }),
  );
}

/** What the topic says now, or said at the position, of the slots that are asked for. */
async function inputOf(
  context: TopicsContext,
  { asOfLsn, slots: filters }: WalFloorOptions,
  signal: AbortSignal,
): Promise<WalFloorInput> {
  const feed = new SlotsFeed(context);
  try {
    await feed.reader.replay(signal);
    await feed.reader.readToWrittenEnd(signal);
    const manifest = feed.newestManifest;
    if (manifest === undefined) {
      throw new SlotcastError('SC_NO_MANIFEST', `no publisher has written anything to ${context.slotsTopic}`);
    }
    if (asOfLsn === undefined) {
      return only({ manifest, events: feed.reader.newestEvents, isWhole: () => true }, filters);
    }
    const point = { history: manifest.history, replayLsn: asOfLsn };
    const topic = topicAtPoint(await readAsOf(feed, point, { context, signal }), {
      goesOn: 'restored',
      consistentLsn: asOfLsn,
    });
    if ('code' in topic) {
      throw new SlotcastError('SC_REBUILD_REFUSED', reasonText([topic]));
    }
    return only({ ...topic, events: topic.desired }, filters);
  } finally {
    await feed.reader.close();
  }
}

/** Without slots that the filter does not select, as far as their events tell; one of which nothing is left counts. */
function only(input: WalFloorInput, filters: SlotFilters | undefined): WalFloorInput {
  if (filters === undefined) {
    return input;
  }
  const isWanted = (state: Parameters<typeof wantsSlot>[1] | undefined): boolean =>
    state === undefined || wantsSlot(filters, state);
  const events = new Map([...input.events].filter(([, { state }]) => isWanted(state)));
  const isKept = ({ name }: { readonly name: Parameters<typeof events.get>[0] }): boolean =>
    isWanted(input.events.get(name)?.state);
  const { manifest } = input;
  return {
    ...input,
    events,
    manifest: {
      ...manifest,
      slots: manifest.slots.filter(isKept),
      orphans: manifest.orphans?.filter(isKept),
    },
  };
}
