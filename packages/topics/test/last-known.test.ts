import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  emptyLine,
  knownEnds,
  parseLsn,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  timeline,
  unheardBefore,
} from '@slotcast/domain';
import { decodeLastKnown, encodeLastKnown, type LastKnown } from '@slotcast/topics';

const slot = parseSlotName('orders');
const identity = { cluster: 'shop', node: 'db2' };

const event: SlotEvent = {
  kind: 'slot',
  op: 'update',
  slot,
  incarnation: { epoch: 2, seq: 1 },
  state: {
    name: slot,
    type: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    databaseOid: 16_384,
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn: parseLsn('0/5000000'),
    confirmedFlushLsn: parseLsn('0/6000000'),
    active: true,
  },
  lsn: parseLsn('0/6000100'),
  timeline: timeline(2),
  epoch: 2,
  seq: 9,
  node: 'db1',
  time: 1000,
};

const known: LastKnown = {
  ...identity,
  systemIdentifier: parseSystemIdentifier('7300000000000000001'),
  history: {
    timeline: timeline(2),
    ancestors: [{ timeline: timeline(1), switchLsn: parseLsn('0/3000000') }],
  },
  line: {
    ...emptyLine,
    published: new Map([[slot, event]]),
    furthest: new Map([[slot, parseLsn('0/6000000')]]),
    lastOrigin: event,
    lineage: 'first',
    word: { heardAtMs: 4000, bytesPerSecond: 12 },
  },
  ownership: new Map([
    [
      slot,
      { incarnation: event.incarnation, lineage: 'first', proven: true, highestLsn: parseLsn('0/6000000') },
    ],
  ]),
  reasons: new Map([[slot, []]]),
  promotions: [{ timeline: timeline(2), switchLsn: parseLsn('0/3000000'), ahead: [], lost: [], time: 500 }],
};

/** As it is kept when it is 5000 by the monotonic clock. */
const text = await encodeLastKnown(known, { wallMs: 100_000, monotonicMs: 5000 });

/** As a process reads it whose monotonic clock began elsewhere, two seconds later. */
const later = { wallMs: 102_000, monotonicMs: 10 };

async function useless(of: string, by = identity): Promise<string> {
  const found = await decodeLastKnown(of, by, later);
  assert.ok('useless' in found);
  return found.useless;
}

describe('what a node knew last', { timeout: 20_000 }, () => {
  test('is read as it was kept, with the silence that has gone on since', async () => {
    const word = { heardAtMs: later.monotonicMs - 3000, bytesPerSecond: 12 };
    assert.deepEqual(await decodeLastKnown(text, identity, later), {
      ...known,
      line: { ...known.line, word },
    });
  });

  test('is nothing when it was cut, changed, or is of another format', async () => {
    assert.match(await useless(text.slice(0, -1)), /checksum/);
    assert.match(await useless(text.replace('"lineage":"first"', '"lineage":"other"')), /checksum/);
    assert.match(await useless(text.replace('slotcast-state 1', 'slotcast-state 2')), /format/);
    assert.match(await useless(''), /format/);
  });

  test('is nothing for another node or cluster', async () => {
    assert.match(await useless(text, { ...identity, node: 'db3' }), /db2/);
    assert.match(await useless(text, { ...identity, cluster: 'other' }), /shop/);
  });

  test('tells of a long silence when the clock was put back, and it cannot be told how long it was', async () => {
    const clocks = { wallMs: 98_000, monotonicMs: 10 };
    const back = await decodeLastKnown(text, identity, clocks);
    assert.ok('line' in back);
    const switchLsn = parseLsn('0/3000000');
    const unheard = unheardBefore({ ...back.line, switchLsn }, clocks.monotonicMs);
    assert.equal(unheard?.reach, knownEnds({ ...back.line, switchLsn }).limit);
  });
});
