import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  besideOwn,
  emptyBacklog,
  emptyLine,
  ingest,
  isMissing,
  type Manifest,
  type NewestRecords,
  parseSlotName,
  publishedOn,
  type SlotEvent,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { at, firstTimeline, manifest, slotEvent } from '../event-examples.ts';

/** A server on timeline 2, which left timeline 1 at 0/100. */
const second: TimelineHistory = {
  timeline: timeline(2),
  ancestors: [{ timeline: timeline(1), switchLsn: at(0x100) }],
};

function newestOf(records: readonly (SlotEvent | Manifest)[]): NewestRecords {
  const events = records.filter((record) => record.kind === 'slot');
  return {
    events: new Map(events.map((event) => [event.slot, event])),
    manifest: records.findLast((record) => record.kind === 'manifest'),
  };
}

function lineOf(records: readonly (SlotEvent | Manifest)[], history = firstTimeline) {
  const backlog = ingest(emptyBacklog, records);
  const line = publishedOn(backlog, history, newestOf(records));
  return { ...line, names: [...line.published.keys()].toSorted() };
}

describe('all that was published on a line of descent', { timeout: 20_000 }, () => {
  test('is nothing for a topic without records', () => {
    assert.deepEqual(publishedOn(emptyBacklog, firstTimeline, newestOf([])), emptyLine);
  });

  test('holds the newest event of each slot, however far ahead of replay it lies', () => {
    const newest = slotEvent('a', { seq: 3, lsn: 0x7fff_ffff });
    const line = lineOf([manifest(['a', 'b'], { seq: 1 }), slotEvent('b', { seq: 2 }), newest]);
    assert.deepEqual(line.names, ['a', 'b']);
    assert.equal(line.published.get(parseSlotName('a')), newest);
    assert.equal(line.lastOrigin, newest);
  });

  test('holds no event of another branch', () => {
    const line = lineOf(
      [
        manifest(['a', 'b'], { seq: 1, lsn: 0x80 }),
        slotEvent('a', { seq: 2, lsn: 0x100 }),
        slotEvent('b', { seq: 3, lsn: 0x101 }),
        manifest([], { seq: 4, lsn: 0x102 }),
      ],
      second,
    );
    assert.deepEqual(line.names, ['a']);
    assert.equal(line.manifest?.seq, 1);
    assert.equal(line.lastOrigin?.seq, 2);
  });

  test('tells apart what was published last of a slot on another branch, unless that slot is gone', () => {
    const beyond = slotEvent('b', { seq: 3, lsn: 0x101 });
    const records = [slotEvent('a', { seq: 2, lsn: 0x100 }), beyond, slotEvent('c', { seq: 4, lsn: 0x102 })];
    const line = lineOf([...records, manifest(['a', 'b'], { seq: 5, lsn: 0x103 })], second);
    assert.deepEqual([...line.elsewhere.values()], [beyond]);
    assert.equal(line.lineage, 'first');
    assert.equal(line.manifest, undefined);
  });

  test('takes what the own publisher wrote of the new timeline for no other branch, but what a rival wrote', () => {
    const records = [
      slotEvent('a', { seq: 1, lsn: 0x80 }),
      slotEvent('a', { seq: 2, lsn: 0x110, timeline: 2, node: 'bravo' }),
    ];
    const line = { ...lineOf(records), newestHistory: second };
    assert.equal(line.elsewhere.size, 1);
    const own = { node: 'bravo', history: second };
    assert.equal(besideOwn(line, own).elsewhere.size, 0);
    assert.equal(besideOwn(line, { ...own, node: 'charlie' }).elsewhere.size, 1);
    const third = { timeline: timeline(3), ancestors: second.ancestors };
    assert.equal(besideOwn(line, { ...own, history: third }).elsewhere.size, 1);
  });

  test('takes what the own publisher wrote before the server was cloned anew for another branch, also by the same number', () => {
    const written = slotEvent('a', { seq: 2, lsn: 0x110, timeline: 2, node: 'bravo' });
    const line = lineOf([
      { ...manifest(['a'], { seq: 1, timeline: 2, lsn: 0x108 }), history: second },
      written,
    ]);
    const began = { timeline: timeline(1), switchLsn: at(0x105) };
    const anew = { timeline: timeline(2), ancestors: [began] };
    assert.equal(besideOwn(line, { node: 'bravo', history: second }).elsewhere.size, 0);
    assert.equal(besideOwn(line, { node: 'bravo', history: anew }).elsewhere.size, 1);
    assert.equal(
      besideOwn({ ...line, newestHistory: undefined }, { node: 'bravo', history: second }).elsewhere.size,
      1,
    );
  });

  test('holds no event of a timeline that came later', () => {
    const line = lineOf([
      manifest(['a'], { seq: 1 }),
      slotEvent('a', { seq: 2 }),
      manifest([], { timeline: 2, epoch: 2, seq: 1, lsn: 0x900 }),
      slotEvent('a', { timeline: 2, epoch: 2, seq: 2, lsn: 0x901 }, { op: 'drop' }),
    ]);
    assert.deepEqual(line.names, ['a']);
    assert.equal(line.published.get(parseSlotName('a'))?.seq, 2);
    assert.equal(line.lastOrigin?.timeline, 1);
  });

  test('holds no slot that was dropped, but the drop tells how much WAL there was', () => {
    const drop = slotEvent('a', { seq: 3, lsn: 0x500 }, { op: 'drop' });
    const line = lineOf([manifest(['a'], { seq: 1 }), slotEvent('a', { seq: 2 }), drop]);
    assert.deepEqual(line.names, []);
    assert.equal(line.lastOrigin, drop);
  });

  test('holds no slot that a newer manifest does not list: compaction has removed its drop', () => {
    const line = lineOf([
      slotEvent('gone', { seq: 1 }),
      slotEvent('a', { seq: 2 }),
      manifest(['a'], { seq: 3 }),
      slotEvent('made_since', { seq: 4 }),
    ]);
    assert.deepEqual(line.names, ['a', 'made_since']);
  });

  test('holds slots without any manifest, as nothing says that they are gone', () => {
    const line = lineOf([slotEvent('a', { seq: 1 })]);
    assert.deepEqual(line.names, ['a']);
    assert.equal(line.manifest, undefined);
    assert.equal(isMissing({ manifest: undefined, listed: false }, slotEvent('a', {})), false);
  });
});
