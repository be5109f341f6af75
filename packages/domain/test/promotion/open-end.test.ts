import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type EndSigns,
  findBranches,
  findOpenEnd,
  findSurvivor,
  type Manifest,
  type OtherPrimary,
  otherPrimaries,
  outlivedBy,
  type Promotion,
  parseSystemIdentifier,
  primaryStatus,
  RIVAL_LIFETIME_MS,
  safetyPart,
  settledLosses,
  tellsOfAll,
  timeline,
} from '@slotcast/domain';
import { at, manifest } from '../event-examples.ts';
import { local, mine, owning } from '../following/plan-situations.ts';
import { confirmed, type HandOffSituation, handOffInput, handOffOf, SWITCH } from './hand-off-situations.ts';

const history = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: SWITCH }] };
const promotion: Promotion = { timeline: timeline(2), switchLsn: SWITCH, ahead: [], lost: [], time: 0 };
const signs: EndSigns = {
  history,
  others: [],
  outlived: undefined,
  shutdownLsn: undefined,
  endedAtMs: 5,
  recorded: undefined,
};
const system = parseSystemIdentifier('7000000000000000001');
const options = { timeout: 20_000 };

function other(over: Partial<OtherPrimary> = {}): OtherPrimary {
  return { node: 'c', promotion, silentMs: 0, ...over };
}

function publishedBy(place: { node: string; timeline?: number }): Manifest {
  return manifest(['app'], { lsn: 900, ...place }, { node: place.node });
}

function sightOf(lsn: number): readonly string[] {
  return outlivedBy(
    { survivor: { ...publishedBy({ node: 'a' }), lsn: at(lsn) }, branches: ['c'] },
    promotion,
  );
}

function told(situation: HandOffSituation): string[] {
  return handOffOf(situation).ahead.map(({ slot, outcome }) => `${slot} ${outcome}`);
}

describe('what bounds how far subscribers are that come to a promoted server', options, () => {
  test('is the end of recovery that was seen, by this process or by whoever put it on record', () => {
    assert.equal(findOpenEnd(signs), undefined);
    assert.equal(findOpenEnd({ ...signs, endedAtMs: undefined })?.isUnseen, true);
    assert.equal(findOpenEnd({ ...signs, endedAtMs: undefined, recorded: promotion }), undefined);
  });

  test('is nothing while another primary is at work', () => {
    const survivor = publishedBy({ node: 'a' });
    assert.deepEqual(findOpenEnd({ ...signs, outlived: { survivor, branches: [] } })?.survivor, survivor);
    const outlived = { survivor: undefined, branches: ['d'] };
    assert.deepEqual(findOpenEnd({ ...signs, outlived, others: [other()] })?.branches, ['d', 'c']);
  });

  test('is the shutdown that the server before ended with: what it wrote before may be stored late', () => {
    const after = (lsn: number, of = history) => {
      const survivor = { ...publishedBy({ node: 'a' }), lsn: at(lsn) };
      const outlived = { survivor, branches: [] };
      return findOpenEnd({ ...signs, history: of, outlived, shutdownLsn: at(0x4f88) });
    };
    const left = { timeline: timeline(2), switchLsn: at(0x5000) };
    const later = { timeline: timeline(3), ancestors: [...history.ancestors, left] };
    assert.equal(after(0x4f88), undefined);
    assert.notEqual(after(0x4f89), undefined, 'written since');
    assert.notEqual(after(0x5000), undefined, 'started again, and nothing written yet');
    assert.notEqual(after(0x4f88, later), undefined, 'of a server that was left before');
    const survivor = publishedBy({ node: 'a' });
    assert.notEqual(findOpenEnd({ ...signs, outlived: { survivor, branches: [] } }), undefined, 'not proven');
    const branched = { survivor, branches: ['c'] };
    assert.notEqual(findOpenEnd({ ...signs, outlived: branched, shutdownLsn: at(0x4f88) }), undefined);
  });

  test('is looked for again when the word of the one before shows that it was started again', () => {
    assert.deepEqual(sightOf(0x4000), sightOf(0x4f88));
    assert.notDeepEqual(sightOf(0x4f88), sightOf(0x5000));
    assert.deepEqual(sightOf(0x5000), sightOf(0x6000));
  });

  test('is not undone by a promotion that this line comes from, nor by one of long ago', () => {
    const before = { ...promotion, timeline: timeline(1), switchLsn: at(0x100) };
    const third = {
      timeline: timeline(3),
      ancestors: [...history.ancestors, { timeline: timeline(2), switchLsn: at(0x8000) }],
    };
    assert.deepEqual(findBranches(third, [other()]), []);
    assert.deepEqual(findBranches(history, [other({ promotion: before })]), ['c']);
    assert.deepEqual(findBranches(history, [other({ silentMs: RIVAL_LIFETIME_MS })]), ['c']);
    assert.deepEqual(findBranches(history, [other({ silentMs: RIVAL_LIFETIME_MS + 1 })]), []);
  });

  test('another standby may have been promoted at the same place', () => {
    assert.deepEqual(findBranches(history, [other()]), ['c']);
  });
});

describe('a former primary', options, () => {
  const facts = { node: 'b', instance: 'i', version: '1', systemIdentifier: system, timeline: timeline(2) };
  const record = primaryStatus({ ...facts, serverVersion: 180_000, physicalSlots: [] }, promotion, 0);
  const own = { node: 'b', record: { record, writtenAt: 1000 } };

  test('has outlived the promotion when its publisher has written since the hand-off was on record', () => {
    assert.equal(findSurvivor(own, { record: publishedBy({ node: 'a' }), writtenAt: 1001 })?.node, 'a');
    assert.equal(findSurvivor(own, { record: publishedBy({ node: 'a' }), writtenAt: 1000 }), undefined);
  });

  test('is none that publishes the new timeline, nor this node, nor one of which nothing is on record', () => {
    assert.equal(
      findSurvivor(own, { record: publishedBy({ node: 'a', timeline: 2 }), writtenAt: 1001 }),
      undefined,
    );
    assert.equal(findSurvivor(own, { record: publishedBy({ node: 'b' }), writtenAt: 1001 }), undefined);
    assert.equal(findSurvivor({ ...own, record: undefined }, undefined), undefined);
    assert.equal(findSurvivor(own, undefined), undefined);
  });

  test('is one of the nodes that say that they were promoted', () => {
    const nodes = [record, { ...record, node: 'c' }, { ...record, node: 'd', role: 'standby' as const }];
    const others = otherPrimaries('b', nodes, new Map([['c', 7]]));
    assert.deepEqual(others, [{ node: 'c', promotion, silentMs: 7 }]);
  });
});

describe('a hand-off whose end is open', options, () => {
  const open = { events: [confirmed('a', 0x3000)], local: [local('a')], owned: mine, isOpenEnded: true };
  const anew = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: at(0x7000) });
  const unheard = { reach: at(0x9000) };

  test('tells of each slot that is used, wherever the fence lies', () => {
    assert.deepEqual(told(open), ['a unknown']);
    assert.deepEqual(told({ ...open, unheard: { reach: at(0x5800) } }), ['a unknown']);
    assert.deepEqual(told({ ...open, events: [confirmed('a', 0x5800)] }), ['a unknown']);
  });

  test('still puts out of reach what is known to be ahead', () => {
    const situation = { ...open, events: [confirmed('a', 0x6800)] };
    assert.deepEqual(told(situation), ['a quarantined']);
  });

  test('is done with when all its slots are told of as possibly ahead', () => {
    const events = [confirmed('a', 0x3000)];
    const entry = { slot: local('a').name, confirmedFlushLsn: at(0x3000) };
    const ahead = (outcome: 'unknown' | 'fenced') => ({ ...promotion, ahead: [{ ...entry, outcome }] });
    assert.equal(tellsOfAll(ahead('unknown'), events), true);
    assert.equal(tellsOfAll(ahead('fenced'), events), false);
    assert.equal(tellsOfAll(promotion, events), false);
  });

  test('takes a slot that its subscriber has moved on for the one that was here, unless it is seen not to be', () => {
    const moved = { ...open, isOpenEnded: false, passes: [], unheard, local: [anew] };
    assert.deepEqual(told({ ...moved, before: undefined }), ['a unknown']);
    assert.deepEqual(told({ ...moved, before: [local('a')] }), ['a unknown']);
    assert.deepEqual(told({ ...moved, before: [] }), []);
    assert.deepEqual(told({ ...moved, before: undefined, owned: {} }), []);
  });
});

describe('what must not wait in a hand-off', options, () => {
  const anew = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: at(0x7000) });
  const unproven = {
    events: [confirmed('a', 0x3000), confirmed('gone', 0x3000)],
    local: [anew],
    before: undefined,
    owned: { a: owning({ proven: false }) },
  };

  test('is to tell of a slot in reach that is not known to be safe, and not of one that is missing', () => {
    const { lost, drops } = safetyPart(handOffOf(unproven), [anew]);
    assert.deepEqual([lost.map(({ slot }) => slot), drops], [[anew.name], []]);
  });

  test('settles what was put out of reach; the rest is judged again', () => {
    const plan = handOffOf(unproven);
    const input = handOffInput(unproven);
    assert.deepEqual(settledLosses({ ...promotion, lost: plan.lost }, { plan, input }, new Map()), [
      plan.lost.find(({ slot }) => slot !== anew.name),
    ]);
    const drops = [{ slot: anew.name, reason: 'unsafe', seen: anew }];
    const done = { plan: { ...plan, drops }, input };
    const lost = plan.lost.filter(({ slot }) => slot === anew.name);
    assert.deepEqual(settledLosses({ ...promotion, lost }, done, new Map()), lost);
    assert.deepEqual(settledLosses({ ...promotion, lost }, done, new Map([[anew.name, {}]])), []);
  });
});
