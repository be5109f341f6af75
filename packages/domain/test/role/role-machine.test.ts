import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  finalPhases,
  type RoleEvent,
  type RoleHalf,
  type RolePhase,
  type RoleState,
  RoleViolation,
  roleEvents,
  roleHalves,
  rolePhases,
  roleTable,
  startRole,
  stepRole,
} from '@slotcast/domain';
import * as fc from 'fast-check';

const options = { timeout: 60_000 };

function after(state: RoleState, event: RoleEvent): RoleState | undefined {
  try {
    return stepRole(state, event);
  } catch (error) {
    assert.ok(error instanceof RoleViolation);
    return undefined;
  }
}

/** Where a process that has had these events stands; fails for one that the table lacks. */
function phaseAfter(half: RoleHalf, path: readonly RoleEvent[]): RolePhase {
  return path.reduce(stepRole, startRole(half)).phase;
}

/** The states that a half can come to. */
function reachable(half: RoleHalf): readonly RoleState[] {
  const found = new Map<string, RoleState>([['', startRole(half)]]);
  for (const state of found.values()) {
    for (const event of roleEvents) {
      const next = after(state, event);
      if (next !== undefined && !found.has(JSON.stringify(next))) {
        found.set(JSON.stringify(next), next);
      }
    }
  }
  return [...found.values()];
}

/** What a walk has seen, kept without the machine. */
interface Walk {
  readonly half: RoleHalf;
  readonly last: RoleEvent;
  readonly phase: RolePhase;
  /** The events since the server's role was looked at last, or since the last failure. */
  readonly sinceLook: readonly RoleEvent[];
  readonly past: readonly RoleEvent[];
}

/** What the guard's word of an end of recovery is settled by, so that it is waited for anew. */
const guardSettled: readonly RoleEvent[] = ['standby_seen', 'fence_stands', 'recovery_seen'];
const NEW_LOOK: readonly RoleEvent[] = ['standby_seen', 'primary_seen', 'failed', 'tenure_ended'];

/** What happens in one step of five, so that walks come far. */
const disturbances: readonly RoleEvent[] = ['failed', 'refused', 'stop', 'fence_failed', 'recovery_seen'];

/** Walks the table by random choices among the events that it has. */
function walk(check: (walk: Walk) => void): void {
  const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(fc.constantFrom(...roleHalves), choices, (half, picks) => {
      let state = startRole(half);
      let sinceLook: RoleEvent[] = [];
      const past: RoleEvent[] = [];
      for (const pick of picks) {
        const possible = roleEvents.filter((event) => after(state, event) !== undefined);
        const usual = possible.filter((event) => !disturbances.includes(event));
        const choice = pick % 5 === 0 || usual.length === 0 ? possible : usual;
        const last = choice[Math.floor(pick / 5) % choice.length];
        assert.ok(last);
        state = stepRole(state, last);
        past.push(last);
        sinceLook = NEW_LOOK.includes(last) ? [] : [...sinceLook, last];
        check({ half, last, phase: state.phase, sinceLook, past });
      }
    }),
    { numRuns: 500 },
  );
}

describe('the role of a node', options, () => {
  test('a consumer follows, fences, hands over and rests', () => {
    const path = ['standby_seen', 'joined', 'recovery_ended', 'fence_stands', 'left_recovery'] as const;
    assert.equal(phaseAfter('following', path), 'fencing');
    assert.equal(phaseAfter('following', [...path, 'hand_over', 'recorded']), 'resting');
  });

  test('a consumer hands nothing over while the fence is being raised', () => {
    const path = ['standby_seen', 'joined', 'recovery_ended', 'left_recovery'] as const;
    assert.throws(() => phaseAfter('following', [...path, 'hand_over']), RoleViolation);
    assert.equal(phaseAfter('following', [...path, 'fence_failed', 'hand_over']), 'handing_over');
    assert.equal(phaseAfter('following', [...path, 'fence_overdue', 'hand_over']), 'handing_over');
  });

  test('nor does a publisher while its own guard raises the fence', () => {
    const path = ['standby_seen', 'recovery_ended', 'primary_seen', 'peer_awaited'] as const;
    assert.throws(() => phaseAfter('publishing', [...path, 'hand_over']), RoleViolation);
    assert.equal(phaseAfter('publishing', [...path, 'fence_stands', 'hand_over']), 'handing_over');
    assert.equal(phaseAfter('publishing', [...path, 'fence_overdue', 'hand_over']), 'handing_over');
    assert.equal(phaseAfter('publishing', [...path, 'recorded']), 'claiming');
  });

  test('nobody waits for a fence that the guard begins when it was waited for long enough, as in a process that was frozen', () => {
    const late = ['fence_overdue', 'recovery_ended', 'fence_failed', 'recovery_ended', 'hand_over'] as const;
    const following = ['standby_seen', 'joined', 'left_recovery'] as const;
    assert.equal(phaseAfter('following', [...following, ...late]), 'handing_over');
    const publishing = ['standby_seen', 'primary_seen', 'peer_awaited'] as const;
    assert.equal(phaseAfter('publishing', [...publishing, ...late]), 'handing_over');
    const again = ['fence_overdue', 'recorded', 'standby_seen', 'joined', 'recovery_ended'] as const;
    assert.throws(() => phaseAfter('following', [...following, ...again, 'hand_over']), RoleViolation);
    // The other half of a process that has not looked yet.
    assert.equal(phaseAfter('publishing', ['standby_seen', 'fence_overdue']), 'fencing');
  });

  test('a publisher waits for the record of its consumer, and claims then', () => {
    const path = ['standby_seen', 'recovery_ended', 'fence_stands', 'primary_seen', 'peer_awaited'] as const;
    assert.equal(phaseAfter('publishing', path), 'awaiting_peer');
    assert.equal(phaseAfter('publishing', [...path, 'recorded', 'claimed']), 'publishing');
    assert.equal(phaseAfter('publishing', [...path, 'hand_over', 'recorded', 'claimed']), 'publishing');
  });

  test('nothing is claimed before the topics were looked at', () => {
    assert.throws(() => phaseAfter('publishing', ['primary_seen', 'claimed']), RoleViolation);
    assert.throws(() => phaseAfter('publishing', ['standby_seen', 'none_needed']), RoleViolation);
  });

  test('a hand-off that found no promotion does not lead to a claim', () => {
    const path = ['primary_seen', 'hand_over', 'not_promoted'] as const;
    assert.throws(() => phaseAfter('publishing', [...path, 'claimed']), RoleViolation);
  });

  test('the table has one transition at most for an event in a phase', () => {
    for (const half of roleHalves) {
      for (const phase of rolePhases) {
        for (const event of roleEvents) {
          const rows = roleTable.filter(
            (row) => row.event === event && row.from.includes(phase) && (row.half ?? half) === half,
          );
          assert.ok(rows.length <= 1, `${event} in ${phase}`);
        }
      }
    }
  });

  test('each half can come to every phase of its own, and both together to all', () => {
    const [following, publishing] = roleHalves.map(
      (half) => new Set(reachable(half).map((state) => state.phase)),
    );
    assert.deepEqual(new Set([...(following ?? []), ...(publishing ?? [])]), new Set(rolePhases));
    assert.ok(!following?.has('publishing') && !publishing?.has('following'));
  });

  test('every phase that is not final can be left by what the services themselves do, not only by a failure', () => {
    const others = roleEvents.filter((event) => !['failed', 'refused', 'stop'].includes(event));
    const next = (state: RoleState): RoleState[] => others.flatMap((event) => after(state, event) ?? []);
    for (const state of roleHalves.flatMap(reachable)) {
      // A fence that is being raised may have to stand first.
      const soon = [...next(state), ...next(state).flatMap(next)];
      const left = soon.some(({ phase }) => phase !== state.phase);
      const isFinal = finalPhases.some((phase) => phase === state.phase);
      assert.equal(left, !isFinal, JSON.stringify(state));
    }
  });

  test('claims and publishes only when the promotion is on record, or none was needed', () => {
    walk(({ phase, sinceLook }) => {
      if (phase === 'claiming' || phase === 'publishing') {
        assert.ok(sinceLook.some((event) => event === 'recorded' || event === 'none_needed'));
        assert.ok(!sinceLook.includes('not_promoted'));
      }
    });
  });

  test('begins a hand-off only when no fence is awaited any more', () => {
    walk(({ half, last, sinceLook, past }) => {
      // One of a consumer that rests goes by the topics alone: the first came to no end and has left nothing, or is on record.
      const followed = sinceLook.slice(sinceLook.lastIndexOf('left_recovery'), -1);
      const isFirst =
        followed[0] === 'left_recovery' &&
        !followed.some((event) => event === 'hand_over' || event === 'recorded');
      if (last === 'hand_over' && (half === 'publishing' || isFirst)) {
        const guard = sinceLook.filter((event) =>
          ['recovery_ended', 'fence_stands', 'fence_failed', 'fence_overdue', 'recovery_seen'].includes(
            event,
          ),
        );
        // Once it was waited for long enough the hand-off goes on, whatever the guard begins then.
        const settled = past.findLastIndex((event) => guardSettled.includes(event));
        const isLate = past.slice(settled + 1).includes('fence_overdue');
        assert.ok(isLate || guard.at(-1) !== 'recovery_ended');
      }
    });
  });

  test('begins no step of a standby after the end of recovery', () => {
    walk(({ phase, sinceLook }) => {
      if (phase === 'joining' || phase === 'following' || phase === 'watching') {
        const ended = ['recovery_ended', 'left_recovery', 'fence_stands', 'fence_overdue'] as const;
        assert.ok(!sinceLook.some((event) => ended.some((one) => one === event)));
      }
    });
  });

  test('follows beside a standby only, publishes beside a primary only', () => {
    walk(({ phase, past }) => {
      const seen = past.findLast((event) => event === 'standby_seen' || event === 'primary_seen');
      if (phase === 'following') {
        assert.equal(seen, 'standby_seen');
      }
      if (phase === 'publishing') {
        assert.equal(seen, 'primary_seen');
      }
    });
  });

  test('a process that was refused or stopped claims and follows nothing any more', () => {
    walk(({ phase, past }) => {
      if (past.includes('refused') || past.includes('stop')) {
        assert.ok(finalPhases.some((final) => final === phase));
      }
    });
  });
});
