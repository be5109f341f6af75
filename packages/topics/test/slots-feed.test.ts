import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn, parseSlotName, type SlotsRecord, timeline } from '@slotcast/domain';
import { SlotsFeed } from '@slotcast/topics';
import { MemoryTopics } from './memory-topics.ts';
import { confirmed, manifest } from './records.ts';

const name = parseSlotName('app1');
const first = timeline(1);
const onFirst = { timeline: first, ancestors: [] };
/** The server left timeline 1 at 50. */
const onSecond = { timeline: timeline(2), ancestors: [{ timeline: first, switchLsn: lsn(50n) }] };
const { signal } = new AbortController();

async function openWith(record: SlotsRecord) {
  const topics = await MemoryTopics.create();
  await topics.append(record);
  const feed = new SlotsFeed(topics.context());
  await feed.reader.replay(signal);
  const append = async (...records: readonly SlotsRecord[]): Promise<void> => {
    await topics.append(...records);
    await feed.reader.readToEnd(signal);
  };
  return { feed, append };
}

describe('a reader of the slots topic between two looks at its standby', { timeout: 20_000 }, () => {
  test('has news when replay has reached another event, and not before', async () => {
    const { feed, append } = await openWith(confirmed('app1', { lsn: 10 }));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), false);
    await append(confirmed('app1', { seq: 2, lsn: 30 }));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(29n) }), false);
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(30n) }), true);
    await append(confirmed('app1', { seq: 3, lsn: 31 }));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(29n) }), false);
  });

  test('has news when a manifest came, which may be that of another primary', async () => {
    const { feed, append } = await openWith(confirmed('app1', { lsn: 10 }));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    await append(manifest({ seq: 2, lsn: 1 }));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), true);
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(20n) }), false);
  });

  test('forgets nothing by a guess that takes the old timeline for the present one', async () => {
    const { feed, append } = await openWith(confirmed('app1', { lsn: 10 }));
    feed.settle({ history: onFirst, replayLsn: lsn(20n) });
    await append(confirmed('app1', { seq: 2, lsn: 60 }));
    assert.equal(feed.hasNews({ history: onFirst, replayLsn: lsn(70n) }), true);
    const { desired } = feed.settle({ history: onSecond, replayLsn: lsn(70n) });
    assert.equal(desired.get(name)?.lsn, 10n);
  });
});
