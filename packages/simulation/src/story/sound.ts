import type { Act } from './act.ts';
import type { Draft } from './draft.ts';

/** The longest that a service takes to be there again after its death. */
const RESTART_MS = 5_500;

/** The longest that a server which came back as a standby takes to have its slots again. */
const REMAKE_MS = 20_000;

/** Writes, subscribers that come and go, and promotions of standbys that have everything: nothing fails. */
export function peace(draft: Draft, acts: number): void {
  const from = draft.acts.length;
  while (draft.acts.length - from < acts) {
    draft.add(ordinary(draft));
    draft.wait();
    if (draft.random.chance(1)) {
      switchOver(draft);
    }
  }
  switchOver(draft);
}

/**
 * Faults that today's rules are made for, one after the other: services that die, standbys that get no WAL for a while, primaries that crash while
 * their subscribers are ahead of every standby. Nobody touches slots, Kafka is there, and writers and subscribers come when the
 * hand-off is done.
 */
export function sound(draft: Draft, acts: number): void {
  const { random } = draft;
  const from = draft.acts.length;
  let killedAt = Number.NEGATIVE_INFINITY;
  while (draft.acts.length - from < acts) {
    const turn = random.weighted([
      ['ordinary', 40],
      ['kill', 4],
      ['cut', 5],
      ['failover', 3],
    ] as const);
    if (turn === 'ordinary') {
      draft.add(ordinary(draft));
    } else if (turn === 'kill') {
      draft.add({ kind: 'kill', node: draft.anyNode(), service: draft.anyService() });
      killedAt = draft.ms;
    } else if (turn === 'cut') {
      cutOrHeal(draft);
    } else {
      const quietFrom = Math.max(killedAt + RESTART_MS, draft.rejoinedAt + REMAKE_MS);
      draft.add({ kind: 'wait', ms: Math.max(1000, quietFrom - draft.ms) });
      crashOver(draft);
    }
    draft.wait();
  }
  draft.add({ kind: 'wait', ms: Math.max(RESTART_MS, draft.rejoinedAt + REMAKE_MS - draft.ms) });
  crashOver(draft);
}

function ordinary(draft: Draft): Act {
  const { random } = draft;
  return random.weighted<Act>([
    [{ kind: 'write', rows: 1 + random.below(4) }, 30],
    [{ kind: 'bulk', mib: random.pick([1, 4]) }, 2],
    [{ kind: 'checkpoint', node: draft.anyNode() }, 2],
    [{ kind: 'subscriber', slot: draft.anySlot(), does: 'crash' }, 3],
    [{ kind: 'long_transaction', rows: 2, ms: 200 + random.below(800) }, 3],
  ]);
}

function cutOrHeal(draft: Draft): void {
  const [cut] = draft.cut;
  if (cut !== undefined) {
    draft.cut.delete(cut);
    draft.add({ kind: 'stream', node: cut, state: 'up' });
  } else if (draft.standbys.length > 0) {
    const node = draft.random.pick(draft.standbys);
    draft.cut.add(node);
    draft.add({ kind: 'stream', node, state: 'silent' });
  }
}

/** What was written last is known to all who are to know it before the primary crashes; the others come when all is handed over. */
function crashOver(draft: Draft): void {
  const { random, primary: old } = draft;
  if (draft.standbys.length === 0) {
    return;
  }
  const next = random.pick(draft.standbys);
  draft.add({ kind: 'crash', node: old }, { kind: 'wait', ms: 100 + random.below(500) });
  draft.add({ kind: 'promote', node: next }, { kind: 'wait', ms: 2000 });
  rejoinAll(draft, next, old);
}

/** In order: the old primary is stopped when all have what it wrote, and comes back as a standby. */
function switchOver(draft: Draft): void {
  const { random, primary: old } = draft;
  if (draft.standbys.length === 0) {
    return;
  }
  const next = random.pick(draft.standbys);
  draft.add({ kind: 'prepare', node: next });
  draft.add({ kind: 'wait', ms: 4000 }, { kind: 'stop', node: old }, { kind: 'wait', ms: 500 });
  draft.add({ kind: 'promote', node: next });
  rejoinAll(draft, next, old);
}

function rejoinAll(draft: Draft, next: string, old: string): void {
  draft.add({ kind: 'point', node: next, afterMs: 300 });
  draft.primary = next;
  for (const node of draft.cast.nodes.filter((each) => each !== next && each !== old)) {
    draft.add({ kind: 'follow', node, upstream: next });
  }
  for (const node of draft.cut) {
    draft.add({ kind: 'stream', node, state: 'up' });
  }
  draft.cut.clear();
  draft.add({ kind: 'rejoin', node: old, upstream: next });
  draft.rejoinedAt = draft.ms;
  draft.add({ kind: 'wait', ms: 4000 });
}
