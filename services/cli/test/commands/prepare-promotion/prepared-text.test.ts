import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isUnsafe, type PreparedAnswer, preparedText } from 'slotcast';

const slot = {
  slot: 'app1',
  type: 'logical',
  risk: 'none',
  state: 'ready',
  reason: '',
  reasons: [] as { code: string; facts: Record<string, string> }[],
  confirmed_flush_lsn: '0/2000000',
  published_lsn: '0/2000000',
  ahead_bytes: 0,
} as const;

function answer(over: Partial<PreparedAnswer> = {}): PreparedAnswer {
  return {
    safe: false,
    node: 'db2',
    timeline: 1,
    replay_lsn: '0/3000000',
    end_of_wal: '0/3000000',
    publisher_silent_ms: 20_000,
    drained: true,
    cannot_tell: null,
    cannot_tell_reasons: [],
    filter: null,
    filter_reasons: [],
    alarm: null,
    alarm_reasons: [],
    slots: [slot],
    ...over,
  };
}

const STRICT = { forced: false, policy: 'strict', decision: { kind: 'stop', better: [] } } as const;

function firstLine(prepared: PreparedAnswer): string | undefined {
  return preparedText(prepared, STRICT).split('\n')[0];
}

describe('the answer of prepare-promotion', { timeout: 5000 }, () => {
  const unknown = { cannot_tell: '120 bytes of WAL were received after the last word' };
  const risky: Partial<PreparedAnswer> = { slots: [{ ...slot, risk: 'not_ready' }] };

  test('begins with the verdict, and an answer that is not known is no "no"', () => {
    assert.equal(firstLine(answer({ safe: true })), 'safe: node db2 can be promoted, with 1 slot');
    assert.match(firstLine(answer(unknown)) ?? '', /^cannot tell: 120 bytes of WAL/);
    assert.equal(isUnsafe(answer(unknown)), false);
  });

  test('is "no" for a slot at risk, and says besides what is not known', () => {
    const both = answer({ ...unknown, ...risky });
    assert.match(firstLine(both) ?? '', /^unsafe: a promotion of node db2 would not be safe for 1 slot of 1/);
    assert.match(preparedText(both, STRICT), /^besides, not all is known: 120 bytes/m);
    assert.equal(isUnsafe(both), true);
  });

  test('has a note of a physical slot that is not ready, which is no risk', () => {
    const replica = {
      ...slot,
      slot: 'db3',
      type: 'physical',
      state: 'catching_up',
      reason: 'too little',
    } as const;
    const noted = answer({ safe: true, slots: [slot, replica, { ...replica, slot: 'db4', reason: '' }] });
    const lines = preparedText(noted, STRICT).split('\n');
    assert.match(lines.find((line) => line.includes('db3')) ?? '', /^note +db3 +catching_up .*too little/);
    assert.match(lines.find((line) => line.includes('db4')) ?? '', /^ok +db4/);
    assert.equal(isUnsafe(noted), false);
  });

  test('says why it goes on all the same, or who would be better', () => {
    const go = { ...STRICT, policy: 'balanced', decision: { kind: 'go' } } as const;
    assert.match(
      preparedText(answer(risky), go),
      /^unsafe: .* neither waiting nor another standby .*: go on\n/,
    );
    const never = { ...go, policy: 'never' } as const;
    assert.match(preparedText(answer(unknown), never), /^cannot tell: .* the policy is never: go on\n/);
    const better = { kind: 'stop', better: [{ slot: 'app1', node: 'db3' }] } as const;
    const stopped = preparedText(answer(risky), { ...go, decision: better });
    assert.match(stopped, /^db3 could take over app1/m);
  });

  test('is "no" for a filter in doubt, which it names', () => {
    const filter = 'SLOTCAST_SLOTS=ordres selects none';
    const doubted = answer({ ...unknown, filter });
    assert.equal(firstLine(doubted), `unsafe: ${filter}`);
    assert.equal(isUnsafe(doubted), true);
    assert.match(preparedText(answer({ filter, ...risky }), STRICT), /^SLOTCAST_SLOTS=ordres selects none$/m);
  });
});
