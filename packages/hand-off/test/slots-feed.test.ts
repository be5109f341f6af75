import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  lsn,
  type Manifest,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import type { LogRecord } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { SlotsFeed } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { confirmedAt } from './published-slots.ts';

const TOPIC = 'slotcast.orders.slots';
const name = parseSlotName('app1');
const first = timeline(1);
const onFirst = { timeline: first, ancestors: [] };
/** The server left timeline 1 at 50. */
const onSecond = { timeline: timeline(2), ancestors: [{ timeline: first, switchLsn: lsn(50n) }] };

function confirmed(position: bigint, seq: number): SlotEvent {
  return { ...confirmedAt('app1', lsn(position)), seq };
}

function manifest(seq: number): Manifest {
  const { lsn: at, epoch, node, time } = confirmed(1n, seq);
  return {
    kind: 'manifest',
    lsn: at,
    timeline: first,
    epoch,
    seq,
    node,
    time,
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    history: onFirst,
    timelineNode: node,
    instance: 'one',
    lineage: 'first',
    slots: [],
  };
}

class Topic {
  readonly feed: SlotsFeed;
  readonly #codec = createCodec();
  #offset = 0n;

  constructor() {
    this.feed = new SlotsFeed({
      codec: this.#codec,
      clock: systemClock,
      onMalformed: () => assert.fail('nothing is malformed'),
      onAccepted: () => {},
      logger: createLogger({ level: 'silent', fields: {} }),
    });
  }

  async append(...events: readonly (SlotEvent | Manifest)[]): Promise<void> {
    const records: LogRecord[] = [];
    for (const event of events) {
      const encoded =
        event.kind === 'manifest'
          ? [await this.#codec.encodeManifest(TOPIC, event)]
          : await this.#codec.encodeSlotEvent(TOPIC, event);
      for (const record of encoded) {
        records.push({ ...record, offset: this.#offset, timestamp: 0 });
        this.#offset += 1n;
      }
    }
    await this.feed.take(records, true);
  }
}

describe('a reader of the slots topic between two looks at its standby', () => {
  test('has news when replay has reached another event, and not before', async () => {
    const { feed, ...topic } = await openWith(confirmed(10n, 1));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), false);
    await topic.append(confirmed(30n, 2));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(29n) }), false);
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(30n) }), true);
    await topic.append(confirmed(31n, 3));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(29n) }), false);
  });

  test('has news when a manifest came, which may be that of another primary', async () => {
    const { feed, ...topic } = await openWith(confirmed(10n, 1));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    await topic.append(manifest(2));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), true);
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), false);
  });

  test('forgets nothing by a guess that takes the old timeline for the present one', async () => {
    const { feed, ...topic } = await openWith(confirmed(10n, 1));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    await topic.append(confirmed(60n, 2));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(70n) }), true);
    const { desired } = feed.settle({ history: onSecond, replayLsn: lsn(70n) });
    assert.equal(desired.get(name)?.lsn, 10n);
  });
});

async function openWith(event: SlotEvent) {
  const topic = new Topic();
  await topic.append(event);
  return {
    feed: topic.feed,
    append: (...events: readonly (SlotEvent | Manifest)[]) => topic.append(...events),
  };
}
