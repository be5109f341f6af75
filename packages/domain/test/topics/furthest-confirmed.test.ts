import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  emptyBacklog,
  ingest,
  type Lsn,
  parseSlotName,
  ROUNDING_BYTES,
  type SlotEvent,
  settle,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { at, firstTimeline, slotEvent } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

interface Where {
  readonly seq: number;
  readonly lsn: number;
  readonly timeline?: number;
}

/** An event of slot `a` that tells how far its subscriber is. */
function confirmed(position: number, where: Where, over: Partial<SlotEvent> = {}): SlotEvent {
  const state = logicalSlot('a', { confirmedFlushLsn: at(position) });
  return slotEvent('a', where, { state, ...over });
}

function furthest(
  events: readonly SlotEvent[],
  history: TimelineHistory = firstTimeline,
  replay = 0x9000,
  published?: TimelineHistory,
): Lsn | undefined {
  const backlog = ingest(emptyBacklog, events);
  const point = { history, replayLsn: at(replay), published };
  const settled = settle(backlog, point);
  const again = settle(settled.backlog, point);
  const name = parseSlotName('a');
  assert.equal(again.furthest.get(name), settled.furthest.get(name), 'settling forgets nothing of it');
  return again.furthest.get(name);
}

/** The history of a server that was promoted there. */
function from(switched: number): TimelineHistory {
  return { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(switched) }] };
}

describe('the furthest that the subscriber of a slot was seen to confirm', { timeout: 20_000 }, () => {
  test('is not the newest position when a crash restart took the primary back', () => {
    const events = [confirmed(0x3000, { seq: 1, lsn: 0x3000 }), confirmed(0x2000, { seq: 2, lsn: 0x3100 })];
    assert.equal(furthest(events), at(0x3000));
  });

  test('counts events that replay has not reached: they were published all the same', () => {
    const events = [confirmed(0x2000, { seq: 1, lsn: 0x2000 }), confirmed(0x3000, { seq: 2, lsn: 0x3000 })];
    assert.equal(furthest(events, firstTimeline, 0x2800), at(0x3000));
  });

  test('is the end of WAL where a client rounds up, and nothing where it says far more than there was', () => {
    const first = confirmed(0x2000, { seq: 1, lsn: 0x2000 });
    assert.equal(furthest([first, confirmed(0x7000, { seq: 2, lsn: 0x3000 })]), at(0x3000));
    const far = 0x3001 + Number(ROUNDING_BYTES);
    assert.equal(furthest([first, confirmed(far, { seq: 2, lsn: 0x3000 })]), at(0x2000));
  });

  test('is of the incarnation that lives at this point of replay, whatever comes later', () => {
    const first = confirmed(0x3000, { seq: 1, lsn: 0x3000 });
    const drop = confirmed(0x3000, { seq: 2, lsn: 0x3100 }, { op: 'drop' });
    const incarnation = { epoch: 1, seq: 3 };
    const second = confirmed(0x4000, { seq: 3, lsn: 0x4000 }, { op: 'create', incarnation });
    assert.equal(furthest([first, drop, second], firstTimeline, 0x3000), at(0x3000));
    assert.equal(furthest([first, drop, second]), at(0x4000));
  });

  test('ends where this server left the timeline, and nothing of other branches counts', () => {
    const history: TimelineHistory = {
      timeline: timeline(3),
      ancestors: [{ timeline: timeline(1), switchLsn: at(0x2800) }],
    };
    const shared = confirmed(0x2000, { seq: 1, lsn: 0x2000 });
    const beyond = confirmed(0x3000, { seq: 2, lsn: 0x3000 });
    const elsewhere = confirmed(0x2900, { seq: 3, lsn: 0x2900, timeline: 2 });
    assert.equal(furthest([shared, elsewhere], history), at(0x2000));
    assert.equal(furthest([shared, beyond], history), at(0x2800));
    assert.equal(furthest([shared, elsewhere]), at(0x2000), 'a timeline that is not known yet');
  });

  test('is none of a timeline that has the number of one of this server’s, and began elsewhere', () => {
    const shared = confirmed(0x2000, { seq: 1, lsn: 0x2000 });
    const later = confirmed(0x6000, { seq: 2, lsn: 0x6000, timeline: 2 });
    assert.equal(furthest([shared, later], from(0x3000), 0x9000, from(0x5000)), at(0x2000));
    assert.equal(furthest([shared, later], from(0x5000), 0x9000, from(0x5000)), at(0x6000));
  });
});
