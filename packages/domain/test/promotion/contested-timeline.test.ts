import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  apartFrom,
  assertHandOff,
  earlierFences,
  emptyLine,
  findContested,
  type HandOffPlan,
  type OtherPrimary,
  type Promotion,
  timeline,
} from '@slotcast/domain';
import { at, manifest } from '../event-examples.ts';
import { local, mine } from '../following/plan-situations.ts';
import { confirmed, type HandOffSituation, handOffInput, handOffOf, stepsOf } from './hand-off-situations.ts';

const options = { timeout: 20_000 };
const second = { timeline: timeline(2), switchLsn: at(0x3000) };
const first = { timeline: timeline(1), switchLsn: second.switchLsn };
/** A server that went through timeline 2, which began at 0/3000, and was promoted at 0/5000. */
const history = {
  timeline: timeline(3),
  ancestors: [first, { timeline: timeline(2), switchLsn: at(0x5000) }],
};

function promoted(node: string, over: Partial<Promotion> = {}): OtherPrimary {
  return { node, promotion: { ...second, ahead: [], lost: [], time: 0, ...over }, silentMs: 0 };
}

/** Of promotions to timeline 2, the fences of which ended there. */
function fencesOf(...ends: readonly (number | undefined)[]): ReturnType<typeof earlierFences> {
  const all = ends.map((end) => promoted('b', end === undefined ? {} : { fencedLsn: at(end) }).promotion);
  return earlierFences(history, all);
}

describe('a timeline that several standbys were promoted to at the same point', options, () => {
  const contested = new Map([[timeline(2), at(0x3000)]]);
  const manifestOf = (node: string) =>
    manifest([], { timeline: 2, lsn: 0x4000, node }, { node, timelineNode: node, history: historyBefore });
  const historyBefore = { timeline: timeline(2), ancestors: [first] };

  test('is known by their records, and by who publishes it', () => {
    assert.deepEqual(findContested(history, [promoted('b'), promoted('c')], undefined), contested);
    assert.deepEqual(findContested(history, [promoted('c')], manifestOf('b')), contested);
  });

  test('is none that one node alone was promoted to, nor one that began elsewhere, nor the newest', () => {
    const elsewhere = promoted('c', { switchLsn: at(0x2800) });
    const newest = { timeline: timeline(3), switchLsn: at(0x5000) };
    for (const others of [[], [promoted('b')], [promoted('b'), elsewhere]]) {
      assert.deepEqual(findContested(history, others, manifestOf('b')), new Map());
    }
    const late = [promoted('b', newest), promoted('c', newest)];
    assert.deepEqual(findContested(history, late, undefined), new Map());
  });

  const event = confirmed('a', 0x4000, { timeline: timeline(2), lsn: at(0x4800) });
  const situation: HandOffSituation = {
    ...apartOf([event]),
    local: [local('a', { confirmedFlushLsn: at(0x2000) })],
    owned: mine,
    history,
    contested,
  };

  function apartOf(events: readonly (typeof event)[]): Pick<HandOffSituation, 'events' | 'others'> {
    const published = new Map(events.map((each) => [each.slot, each]));
    const line = apartFrom({ ...emptyLine, published }, contested);
    return { events: [...line.published.values()], others: [...line.elsewhere.values()] };
  }

  test('has no position that counts as WAL of a server that went through it: the subscriber is ahead', () => {
    const plan = handOffOf(situation);
    assert.deepEqual(stepsOf(plan), ['quarantine a']);
    assert.deepEqual(stepsOf(handOffOf({ ...situation, contested: new Map() })), ['advance a']);
  });

  test('was fenced only as far as all of them had fenced it', () => {
    assert.deepEqual(fencesOf(0x4000, 0x3800), new Map([[timeline(2), at(0x3800)]]));
    assert.deepEqual(fencesOf(0x3800, 0x4000), new Map([[timeline(2), at(0x3800)]]));
    assert.deepEqual(fencesOf(0x4000, undefined), new Map());
    assert.deepEqual(fencesOf(undefined, 0x4000), new Map());
    const fenced = handOffOf({ ...situation, earlierFences: fencesOf(0x4000, 0x4400) });
    assert.deepEqual(
      [fenced.ahead[0]?.outcome, stepsOf(fenced), fenced.advances[0]?.target],
      ['fenced', ['advance a'], at(0x3000)],
    );
    assert.deepEqual(stepsOf(handOffOf({ ...situation, earlierFences: fencesOf(0x4000, 0x3fff) })), [
      'quarantine a',
    ]);
  });

  test('moves no slot beyond where it began: the check finds it wrong', () => {
    const advances: HandOffPlan['advances'] = handOffOf({ ...situation, contested: new Map() }).advances;
    const plan = { ...handOffOf(situation), quarantines: [], advances };
    const reasons = assertHandOff(plan, handOffInput(situation)).map(({ reason }) => reason);
    assert.ok(reasons.includes('its subscriber has not confirmed that'), reasons.join());
  });
});
