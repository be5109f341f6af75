import type { Random } from '../types.ts';
import type { Act } from './act.ts';
import type { Draft } from './draft.ts';

/** What a story is most about: double faults would be too rare if everything were as likely as everything else. */
export const themes = [
  'none',
  'isolated',
  'no_kafka',
  'half_dead',
  'foreign',
  'remade',
  'blocked',
  'races',
  'restored',
  'cloned',
  'zombie',
] as const;
export type Theme = (typeof themes)[number];

type Kind =
  | 'write'
  | 'bulk'
  | 'long'
  | 'checkpoint'
  | 'subscriber'
  | 'kill'
  | 'freeze'
  | 'cut'
  | 'kafka'
  | 'standby_slots'
  | 'primary_slots'
  | 'race'
  | 'restore'
  | 'clone'
  | 'zombie'
  | 'failover';

const usual: Readonly<Record<Kind, number>> = {
  write: 30,
  bulk: 1,
  long: 2,
  checkpoint: 1.5,
  subscriber: 5,
  kill: 0.8,
  freeze: 0.5,
  cut: 0.8,
  kafka: 0.4,
  standby_slots: 0.3,
  primary_slots: 0.3,
  race: 0.5,
  restore: 0.02,
  clone: 0.02,
  zombie: 0,
  failover: 1.5,
};

const raised: Readonly<Record<Theme, Partial<Record<Kind, number>>>> = {
  none: {},
  isolated: { cut: 12, freeze: 10, bulk: 8, failover: 3 },
  no_kafka: { kafka: 12, kill: 6, cut: 6, bulk: 4, failover: 3 },
  half_dead: { kill: 10, cut: 6, failover: 3 },
  foreign: { standby_slots: 12, failover: 3 },
  remade: { primary_slots: 14, failover: 3 },
  blocked: { failover: 4 },
  races: { race: 20, failover: 3 },
  restored: { restore: 8 },
  cloned: { clone: 6 },
  zombie: { zombie: 6, freeze: 4, cut: 6 },
};

/** Adds one thing that happens, drawn by the weights of a theme. */
export function disturb(draft: Draft, theme: Theme): void {
  const weights = Object.entries({ ...usual, ...raised[theme] });
  happen(draft, draft.random.weighted(weights.filter(isWeight)));
}

function isWeight(entry: [string, number]): entry is [Kind, number] {
  return entry[0] in usual;
}

function happen(draft: Draft, kind: Kind): void {
  const { random } = draft;
  switch (kind) {
    case 'write':
      return draft.add({ kind: 'write', rows: 1 + random.below(4) });
    case 'bulk':
      return draft.add({ kind: 'bulk', mib: random.pick([1, 8, 24, 40]) });
    case 'long':
      return draft.add({ kind: 'long_transaction', rows: 1 + random.below(4), ms: 50 + random.below(3000) });
    case 'checkpoint':
      return draft.add({ kind: 'checkpoint', node: draft.anyNode() });
    case 'subscriber':
      return disturbSubscriber(draft);
    case 'kill':
      return draft.add(killing(draft));
    case 'freeze':
      return freezeOrWake(draft);
    case 'cut':
      return cutOrHeal(draft);
    case 'kafka':
      return awayOrBack(draft);
    case 'standby_slots':
      return touchSlots(draft, draft.standbys.length > 0 ? random.pick(draft.standbys) : draft.primary);
    case 'primary_slots':
      return touchPrimary(draft);
    case 'race':
      return race(draft);
    case 'restore':
      return restore(draft);
    case 'clone':
      return copy(draft);
    case 'zombie':
      return takeOverSlowly(draft);
    case 'failover':
      return failOver(draft);
  }
}

function disturbSubscriber(draft: Draft): void {
  const slot = draft.anySlot();
  if (draft.away.delete(slot)) {
    draft.add({ kind: 'subscriber', slot, does: 'connect' });
  } else if (draft.held.delete(slot)) {
    draft.add({ kind: 'subscriber', slot, does: 'confirm' });
  } else {
    const does = draft.random.weighted([
      ['hold', 4],
      ['crash', 3],
      ['leave', 2],
    ] as const);
    if (does === 'hold') {
      draft.held.add(slot);
    } else if (does === 'leave') {
      draft.away.add(slot);
    }
    draft.add({ kind: 'subscriber', slot, does });
  }
}

function killing(draft: Draft): Act {
  const stays = draft.random.chance(25);
  return {
    kind: 'kill',
    node: draft.anyNode(),
    service: draft.anyService(),
    ...(stays ? { stays } : {}),
  };
}

function freezeOrWake(draft: Draft): void {
  const [first] = draft.frozen;
  if (first !== undefined && draft.random.chance(50)) {
    draft.frozen.delete(first[0]);
    draft.add({ kind: 'wake', ...first[1] });
    return;
  }
  const node = draft.random.chance(60) ? draft.primary : draft.anyNode();
  const service = draft.anyService();
  draft.frozen.set(`${service}@${node}`, { node, service });
  draft.add({ kind: 'freeze', node, service });
}

function cutOrHeal(draft: Draft): void {
  const [first] = draft.cut;
  if (first !== undefined && draft.random.chance(50)) {
    draft.cut.delete(first);
    draft.add({ kind: 'stream', node: first, state: 'up' });
    return;
  }
  // A site that is cut off has lost all others at once.
  for (const node of draft.random.chance(60) ? draft.standbys : draft.standbys.slice(0, 1)) {
    draft.cut.add(node);
    draft.add({ kind: 'stream', node, state: draft.random.pick(['refusing', 'silent']) });
  }
}

function awayOrBack(draft: Draft): void {
  if (draft.kafkaIsAway && draft.random.chance(40)) {
    draft.kafkaIsAway = false;
    draft.add({ kind: 'kafka', state: 'up' });
    return;
  }
  const state = draft.random.pick(['refusing', 'silent'] as const);
  if (draft.random.chance(25)) {
    const process = `${draft.anyService()}@${draft.anyNode()}`;
    draft.add({ kind: 'kafka', process, state });
    return;
  }
  draft.kafkaIsAway = true;
  draft.add({ kind: 'kafka', state });
  if (draft.standbys.length > 0 && draft.random.chance(30)) {
    startAgain(draft, draft.random.pick(draft.standbys));
  }
  if (draft.random.chance(20)) {
    draft.add({ kind: 'wait', ms: draft.random.pick([2000, 12_000, 20_000]) });
  }
}

/** Both services of a node die and come back: what they knew and had not written to Kafka is gone. */
function startAgain(draft: Draft, node: string): void {
  draft.wait(800);
  draft.add({ kind: 'kill', node, service: 'consumer' }, { kind: 'kill', node, service: 'publisher' });
  draft.add({ kind: 'wait', ms: 6000 });
}

function touchSlots(draft: Draft, node: string): void {
  const { random } = draft;
  const slot = draft.anySlot();
  const target = draft.anySlot();
  draft.add(
    random.weighted<Act>([
      [{ kind: 'dba_advance', node, slot }, 4],
      [{ kind: 'dba_drop', node, slot }, 3],
      [{ kind: 'dba_copy', node, slot, target }, slot === target ? 0.1 : 4],
      [{ kind: 'dba_create', node, slot }, 2],
    ]),
  );
}

/** A slot that a person keeps a copy of, drops, and makes again from the copy; its subscriber is stopped meanwhile. */
function touchPrimary(draft: Draft): void {
  const { random, primary: node } = draft;
  const slot = draft.anySlot();
  const keep = `keep_${slot}`;
  const step = random.weighted([
    ['keep', 4],
    ['swap', 4],
    ['other', 2],
  ] as const);
  if (step === 'keep') {
    draft.add({ kind: 'dba_copy', node, slot, target: keep });
  } else if (step === 'swap') {
    draft.add({ kind: 'subscriber', slot, does: 'leave' });
    draft.add({ kind: 'dba_drop', node, slot }, { kind: 'dba_copy', node, slot: keep, target: slot });
    draft.away.add(slot);
  } else {
    touchSlots(draft, node);
  }
}

const racyCalls = [
  'kafka.commit',
  'kafka.claim',
  'kafka.read',
  'copy_slots',
  'drop_slot',
  'create_temporary',
] as const;

/** Something happens in the middle of a call, as often as not at the node that is promoted next. */
function race(draft: Draft): void {
  const { random } = draft;
  const node = random.chance(70) && draft.standbys.length > 0 ? random.pick(draft.standbys) : draft.anyNode();
  const process = `${draft.anyService()}@${node}`;
  const on = {
    process,
    kind: random.pick(racyCalls),
    nth: 1 + random.below(3),
    moment: random.pick(['before', 'after'] as const),
  };
  draft.add({ kind: 'when', on, act: inTheMiddle(random, draft, node) });
}

function inTheMiddle(random: Random, draft: Draft, node: string): Act {
  return random.weighted<Act>([
    [{ kind: 'kill', node, service: draft.anyService() }, 4],
    [{ kind: 'crash', node: draft.primary }, 2],
    [{ kind: 'write', rows: 2 }, 2],
    [{ kind: 'bulk', mib: 40 }, 2],
    [{ kind: 'kafka', state: 'silent' }, 1],
    [{ kind: 'stream', node, state: 'silent' }, 1],
    [{ kind: 'dba_drop', node, slot: draft.anySlot() }, 1],
  ]);
}

function restore(draft: Draft): void {
  const { primary: node } = draft;
  if (draft.backedUp === node && draft.random.chance(50)) {
    draft.add({ kind: 'restore', node }, { kind: 'wait', ms: 200 }, { kind: 'start', node });
  } else {
    draft.backedUp = node;
    draft.add({ kind: 'backup', node });
  }
}

/** For a test, as somebody thinks. */
function copy(draft: Draft): void {
  const { random, standbys } = draft;
  if (standbys.length > 0) {
    draft.add({ kind: 'clone', node: random.pick(standbys), name: 'x' }, { kind: 'wait', ms: 1000 });
    draft.add({ kind: 'promote', node: 'x' });
  }
}

/** A standby is promoted while the primary still serves all; they are led over later. */
function takeOverSlowly(draft: Draft): void {
  const { random, primary: old, standbys } = draft;
  if (standbys.length === 0) {
    return;
  }
  const next = random.pick(standbys);
  const frozen = random.weighted([
    ['publisher', 3],
    ['consumer', 2],
    [undefined, 3],
  ] as const);
  if (frozen !== undefined) {
    draft.add({ kind: 'freeze', node: next, service: frozen });
  }
  draft.add({ kind: 'promote', node: next });
  // Now and then long enough for a hand-off without the half that is frozen: positions reach the topic after it, and before the claim.
  draft.add({ kind: 'wait', ms: random.pick([200, 1500, 2500]) });
  draft.add({ kind: 'bulk', mib: random.pick([1, 24, 40]) }, { kind: 'write', rows: 3 });
  draft.wait(2000);
  for (const service of ['publisher', 'consumer'] as const) {
    draft.add({ kind: 'wake', node: next, service });
  }
  draft.wait(3000);
  draft.add({ kind: 'crash', node: old }, { kind: 'point', node: next, afterMs: 300 });
  draft.primary = next;
  draft.gone.add(old);
  draft.cut.clear();
}

/** The primary ends, or is taken for dead; a standby is promoted, and all are led there. */
export function failOver(draft: Draft): void {
  const { random, primary: old } = draft;
  const candidates = draft.standbys;
  if (candidates.length === 0) {
    return;
  }
  const next = random.pick(candidates);
  if (random.chance(60)) {
    // Long enough for all that is known to be published.
    draft.add({ kind: 'wait', ms: 800 });
  }
  if (random.chance(20)) {
    draft.add({ kind: 'prepare', node: next }, { kind: 'wait', ms: 4000 });
  }
  if (random.chance(30)) {
    draft.add({ kind: 'hammer', node: next, ms: 500 });
  }
  const end = random.weighted([
    ['crash', 5],
    ['stop', 3],
    ['goes on', 2],
  ] as const);
  if (end !== 'goes on') {
    draft.add({ kind: end, node: old });
    draft.wait(800);
  }
  draft.add({ kind: 'promote', node: next });
  draft.add({ kind: 'point', node: next, afterMs: random.pick([0, 300, 1000, 5000]) });
  draft.primary = next;
  draft.gone.add(old);
  draft.cut.clear();
  for (const node of draft.standbys) {
    draft.wait();
    draft.add({ kind: 'follow', node, upstream: next });
  }
  if (random.chance(50)) {
    draft.wait(2000);
    draft.add({ kind: 'rejoin', node: old, upstream: next });
    draft.gone.delete(old);
  }
  draft.add({ kind: 'write', rows: 2 });
}
