import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  equalReasons,
  type Reason,
  reason,
  reasonTable,
  reasonText,
  sameReason,
  sameReasons,
  spanOf,
  waitsForTransactions,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';

const options = { timeout: 5000 };
const since = Date.parse('2026-01-31T12:00:00.123Z');

function behind(bytes: number, seconds: number, goal?: number): Reason {
  return reason('behind', {
    bytes: BigInt(bytes),
    seconds,
    goal: goal === undefined ? undefined : at(goal),
  });
}

function failed(said: string, sqlstate: string): Reason {
  return reason('failed', { step: 'move', said, sqlstate });
}

describe('a reason', options, () => {
  test('carries its facts as text, without those that are absent', () => {
    assert.deepEqual(behind(500, 3, 0x2000), {
      code: 'behind',
      facts: { bytes: '500', seconds: '3', goal: '0/2000' },
    });
    assert.deepEqual(behind(500, 3).facts, { bytes: '500', seconds: '3' });
    assert.deepEqual(reason('topic_emptied', { nodes: ['a', 'b'] }).facts, { nodes: 'a, b' });
  });

  test('is a sentence where it is shown; the first of two may be what the next one is about', () => {
    assert.equal(reasonText([]), '');
    assert.equal(reasonText([behind(500, 3)]), 'is 500 bytes and 3 s behind the primary');
    assert.equal(
      reasonText([reason('remaking'), reason('other_identity'), reason('kept_here')]),
      'is being remade: plugin, database or two_phase changed; SLOTCAST_DROP_EXTRA_SLOTS=false keeps the copy here',
    );
  });

  test('of a later version, or without a fact that its sentence needs, is shown as it is', () => {
    assert.equal(reasonText([{ code: 'hibernates', facts: {} }]), 'hibernates');
    const later = { code: 'hibernates', facts: { since: 'noon', at: '0/1' } };
    assert.equal(reasonText([later, reason('native')]).split(';')[0], 'hibernates (since noon, at 0/1)');
    assert.equal(reasonText([{ code: 'behind', facts: { bytes: '5' } }]), 'behind (bytes 5)');
    assert.equal(reasonText([{ code: 'toString', facts: {} }]), 'toString');
  });

  test('is the same as another one when only what was measured differs', () => {
    assert.ok(sameReason(behind(500, 3), behind(7, 90, 0x3000)));
    assert.ok(!sameReason(behind(500, 3), reason('publisher_silent', { seconds: 3 })));
    assert.ok(!sameReason(behind(500, 3), undefined));
    assert.ok(sameReason(undefined, undefined));
    const [a, b] = ['a', 'b'].map((leader) => reason('restoring', { leader }));
    assert.ok(!sameReason(a, b));
    assert.ok(sameReason(failed('in use by 12', '55006'), failed('in use by 13', '55006')));
    assert.ok(!sameReason(failed('in use', '55006'), failed('in use', '53300')));
    assert.ok(!sameReasons([behind(1, 1)], []));
    assert.ok(sameReasons([behind(1, 1)], [behind(2, 2)]));
    assert.ok(!equalReasons([behind(1, 1)], [behind(2, 1)]));
    assert.ok(equalReasons([behind(1, 1)], [behind(1, 1)]));
  });

  test('of several slots is told once, with the span of what was measured', () => {
    const lists = [[behind(900, 4, 0x2000)], [behind(1000, 12, 0x10_0000)], [behind(90, 4, 0x2000)]];
    assert.equal(
      reasonText(spanOf(lists)),
      'is 90 to 1000 bytes and 4 to 12 s behind the primary (goal 0/2000 to 0/100000)',
    );
  });
});

describe('an open transaction', options, () => {
  test('is told with what is needed to end it', () => {
    assert.match(reasonText([waitsForTransactions(undefined)]), /must end first$/);
    for (const [oldest, told] of [
      [{ xid: 4711, pid: 12, since }, /is 4711, open since 2026-01-31T12:00:00\.123Z in process 12$/],
      [{ xid: 4711, gid: 'held', since }, /is 4711, prepared at 2026-01-31T12:00:00\.123Z as 'held'$/],
      [{ xid: 4711, pid: 12 }, /must end first, the oldest is 4711, open in process 12$/],
    ] as const) {
      assert.match(reasonText([waitsForTransactions(oldest)]), told);
    }
  });
});

test('every reason of the table has a sentence that has its facts', options, () => {
  for (const [code, { facts }] of Object.entries(reasonTable)) {
    const told = Object.fromEntries(Object.keys(facts).map((name) => [name, `<${name}>`]));
    const text = reasonText([{ code, facts: told }]);
    assert.ok(!text.startsWith(code), code);
    assert.doesNotMatch(text, /undefined/, code);
  }
});
