import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  findRivals,
  judgePredecessor,
  LATE_MS,
  RIVAL_LATE_MS,
  RIVAL_LIFETIME_MS,
  timeline,
} from '@slotcast/domain';
import { at, manifest } from '../event-examples.ts';
import { nodeStatus } from '../status/node-examples.ts';

const PATIENCE_MS = 30_000;
const own = { node: 'bravo', timeline: timeline(2) };

function judge(over: Partial<Parameters<typeof judgePredecessor>[0]>) {
  return judgePredecessor({
    manifest: manifest(['a'], { node: 'alpha' }),
    own,
    record: nodeStatus('alpha', { role: 'primary' }),
    behindNewestMs: 100,
    listenedMs: 0,
    heardMs: undefined,
    patienceMs: PATIENCE_MS,
    ...over,
  });
}

describe('the publisher before a promoted server', { timeout: 5000 }, () => {
  test('is listened for, and gone when it does not say within its time that it is at work', () => {
    assert.deepEqual(judge({}), { kind: 'listen', forMs: RIVAL_LATE_MS, isHeard: false });
    assert.deepEqual(judge({ listenedMs: RIVAL_LATE_MS }), { kind: 'gone' });
  });

  test('is waited for while it says so, and not longer than the patience', () => {
    const heard = { listenedMs: PATIENCE_MS - 1, heardMs: 100 };
    assert.equal(judge(heard).kind, 'listen');
    assert.deepEqual(judge({ ...heard, heardMs: RIVAL_LATE_MS }), { kind: 'gone' });
    assert.deepEqual(judge({ ...heard, listenedMs: PATIENCE_MS }), { kind: 'at_work' });
  });

  test('is gone once its server is a standby, or when nothing was heard of it for long by the clock of the brokers', () => {
    assert.equal(judge({ heardMs: 1, record: nodeStatus('alpha') }).kind, 'gone');
    assert.equal(judge({ behindNewestMs: LATE_MS }).kind, 'gone');
  });

  test('is none where nothing was published, where the server was not promoted since, and where it was this node itself', () => {
    assert.equal(judge({ manifest: undefined }).kind, 'gone');
    assert.equal(judge({ manifest: manifest([], { node: 'alpha', timeline: 2 }) }).kind, 'gone');
    assert.equal(judge({ manifest: manifest([], { node: 'bravo' }) }).kind, 'gone');
  });
});

describe('the rivals of a publisher', { timeout: 5000 }, () => {
  test('are the nodes that were promoted to a later timeline a short while ago', () => {
    const alpha = { ...nodeStatus('alpha', { role: 'primary' }), timeline: timeline(1) };
    const promotion = { timeline: timeline(2), switchLsn: at(5), ahead: [], lost: [], time: 0 };
    const bravo = nodeStatus('bravo', { role: 'primary', promotion });
    const found = (record: typeof bravo, silentMs = 0) =>
      findRivals(alpha, [{ record, silentMs }]).map(({ node }) => node);
    assert.deepEqual(found(bravo), ['bravo']);
    assert.deepEqual(found(bravo, RIVAL_LIFETIME_MS + 1), []);
    assert.deepEqual(found({ ...bravo, role: 'standby' }), []);
    assert.deepEqual(found({ ...bravo, node: 'alpha' }), []);
    assert.deepEqual(found({ ...bravo, promotion: { ...promotion, timeline: timeline(1) } }), []);
  });
});
