import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  branchOf,
  describeHistory,
  formatLsn,
  historyBefore,
  lastSwitch,
  leftAt,
  lsn,
  parseLsn,
  parseTimelineHistory,
  partingOf,
  promotedHistory,
  sameHistory,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { anyLsn } from '../vocabulary-examples.ts';

const FILE = `1\t0/3000148\tno recovery target specified

# written by hand
2\t0/50000A0\tbefore 2024-01-01 #17
`;

function at(tli: number, position: string) {
  return { timeline: timeline(tli), lsn: parseLsn(position) };
}

/** Histories with increasing timelines and switch points. */
const anyHistory: fc.Arbitrary<TimelineHistory> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.bigInt({ min: 1n, max: 1000n })), { maxLength: 4 })
  .map((steps) => {
    let number = 1;
    let position = 0n;
    const ancestors = steps.map(([step, bytes]) => {
      position += bytes;
      const left = { timeline: timeline(number), switchLsn: lsn(position) };
      number += step;
      return left;
    });
    return { timeline: timeline(number), ancestors };
  });

describe('timeline history', { timeout: 20_000 }, () => {
  const history = parseTimelineHistory(timeline(3), FILE);

  test('a history file is read with its comments, blank lines and reasons', () => {
    assert.deepEqual(history, {
      timeline: 3,
      ancestors: [
        { timeline: 1, switchLsn: 0x3000148n },
        { timeline: 2, switchLsn: 0x50000a0n },
      ],
    });
    assert.deepEqual(parseTimelineHistory(timeline(1), ''), { timeline: 1, ancestors: [] });
  });

  test('what is written as a history file is read back as the same history', () => {
    fc.assert(
      fc.property(anyHistory, (written) => {
        const lines = written.ancestors.map(
          (left) => `${left.timeline}\t${formatLsn(left.switchLsn)}\treason`,
        );
        assert.deepEqual(parseTimelineHistory(written.timeline, lines.join('\n')), written);
      }),
    );
  });

  test('a malformed line is rejected', () => {
    for (const text of ['1', 'one\t0/1', '1\tnowhere', '0\t0/1', '-1\t0/1']) {
      assert.throws(() => parseTimelineHistory(timeline(2), text), RangeError, text);
    }
  });

  test('timelines that do not increase up to the current one are rejected', () => {
    for (const text of ['3\t0/1', '4\t0/1', '1\t0/1\n1\t0/2', '2\t0/1\n1\t0/2']) {
      assert.throws(() => parseTimelineHistory(timeline(3), text), { message: /out of order/ }, text);
    }
  });

  test('histories are the same only with the same switch points', () => {
    const other = parseTimelineHistory(timeline(3), FILE.replace('50000A0', '50000A8'));
    assert.equal(sameHistory(history, parseTimelineHistory(timeline(3), FILE)), true);
    assert.equal(sameHistory(history, other), false);
    assert.equal(sameHistory(history, { ...history, timeline: timeline(4) }), false);
    assert.equal(describeHistory(history), '1@0/3000148 → 2@0/50000A0 → 3');
  });
});

describe('where a position stands on a history', { timeout: 20_000 }, () => {
  const history = parseTimelineHistory(timeline(4), '1\t0/3000000\tx\n3\t0/5000000\tx');

  test('every position of the own timeline is on it', () => {
    assert.equal(branchOf(history, at(4, 'FF/0')), 'on_history');
  });

  test("an ancestor's positions are on it up to and including the switch point", () => {
    assert.equal(branchOf(history, at(1, '0/2FFFFFF')), 'on_history');
    assert.equal(branchOf(history, at(1, '0/3000000')), 'on_history');
    assert.equal(branchOf(history, at(1, '0/3000001')), 'other_branch');
    assert.equal(branchOf(history, at(3, '0/5000001')), 'other_branch');
  });

  test('an older timeline that is no ancestor is another branch', () => {
    assert.equal(branchOf(history, at(2, '0/1')), 'other_branch');
  });

  test('a newer timeline is not known yet', () => {
    assert.equal(branchOf(history, at(5, '0/1')), 'not_yet_known');
  });

  test('a promotion never takes back what was on the history up to its switch point', () => {
    fc.assert(
      fc.property(anyHistory, anyLsn, anyLsn, (before, switchLsn, position) => {
        const after: TimelineHistory = {
          timeline: timeline(before.timeline + 1),
          ancestors: [...before.ancestors, { timeline: before.timeline, switchLsn }],
        };
        for (const point of before.ancestors) {
          assert.equal(branchOf(after, { timeline: point.timeline, lsn: point.switchLsn }), 'on_history');
        }
        const expected = position <= switchLsn ? 'on_history' : 'other_branch';
        assert.equal(branchOf(after, { timeline: before.timeline, lsn: position }), expected);
      }),
    );
  });
});

describe('the last promotion in a history', { timeout: 20_000 }, () => {
  test('is none on a server that was never promoted', () => {
    const never: TimelineHistory = { timeline: timeline(1), ancestors: [] };
    assert.equal(lastSwitch(never), undefined);
    assert.equal(historyBefore(never), undefined);
  });

  test('is the last line of the file, and the history before it ends on the timeline that was left', () => {
    const history = parseTimelineHistory(timeline(4), '1\t0/3000000\tx\n3\t0/5000000\tx');
    assert.deepEqual(lastSwitch(history), { timeline: 3, switchLsn: 0x5000000n });
    assert.equal(describeHistory(historyBefore(history) ?? history), '1@0/3000000 → 3');
  });

  test('is undone by the history before it, which a server that went on from there has again', () => {
    fc.assert(
      fc.property(anyHistory, anyLsn, (before, switchLsn) => {
        const after: TimelineHistory = {
          timeline: timeline(before.timeline + 1),
          ancestors: [...before.ancestors, { timeline: before.timeline, switchLsn }],
        };
        assert.deepEqual(historyBefore(after), before);
        assert.deepEqual(lastSwitch(after), { timeline: before.timeline, switchLsn });
      }),
    );
  });
});

test('a timeline was left at its switch point; one that was never followed, where the one before it was left', {
  timeout: 20_000,
}, () => {
  const history = parseTimelineHistory(timeline(5), '1 0/3000\n3 0/5000');
  assert.equal(leftAt(history, timeline(1)), 0x3000n);
  assert.equal(leftAt(history, timeline(2)), 0x3000n);
  assert.equal(leftAt(history, timeline(3)), 0x5000n);
  assert.equal(leftAt(history, timeline(5)), 0x5000n);
  assert.equal(leftAt(parseTimelineHistory(timeline(2), ''), timeline(1)), 1n);
  // Timeline 2 left timeline 1 before this server did: what it has from there is not here.
  const ours = { timeline: timeline(3), ancestors: [{ timeline: timeline(1), switchLsn: lsn(0x100n) }] };
  const theirs = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: lsn(0x50n) }] };
  assert.equal(leftAt(ours, timeline(2)), 0x100n);
  assert.equal(leftAt(ours, timeline(2), theirs), 0x50n);
  const later = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: lsn(0x500n) }] };
  assert.equal(leftAt(ours, timeline(2), later), 0x100n);
});

test('the history after a promotion is known from the one before only if no timeline can lie in between', () => {
  const before = parseTimelineHistory(timeline(3), FILE);
  const switchLsn = parseLsn('0/7000000');
  assert.deepEqual(
    promotedHistory(before, { timeline: timeline(4), switchLsn }),
    parseTimelineHistory(timeline(4), `${FILE}3\t0/7000000\tno recovery target specified\n`),
  );
  for (const other of [3, 5]) {
    assert.equal(promotedHistory(before, { timeline: timeline(other), switchLsn }), undefined);
  }
});

/** A server that was promoted from the first timeline there, and went on to others. */
function through(first: string, ...later: readonly string[]): TimelineHistory {
  const lines = [first, ...later].map((position, index) => `${index + 1}\t${position}`);
  return parseTimelineHistory(timeline(lines.length + 1), lines.join('\n'));
}

describe('three lines of which two have timelines of the same number', { timeout: 20_000 }, () => {
  const ours = through('0/3000', '0/9000');
  const theirs = through('0/5000');

  test('part where the first of them left what they have in common', () => {
    assert.deepEqual(partingOf(ours, theirs), { timeline: 1, lsn: 0x3000n });
    assert.deepEqual(partingOf(through('0/5000', '0/9000'), through('0/5000', '0/7000')), {
      timeline: 2,
      lsn: 0x7000n,
    });
    assert.equal(partingOf(ours, undefined), undefined);
    assert.equal(partingOf(ours, through('0/3000')), undefined, 'one goes on from the other');
    assert.equal(partingOf(through('0/3000'), ours), undefined);
    assert.equal(partingOf(ours, ours), undefined);
  });

  test('have no position of such a timeline in common', () => {
    const parting = partingOf(ours, theirs);
    assert.equal(branchOf(ours, at(2, '0/6000')), 'on_history', 'a line that is not known');
    assert.equal(branchOf(ours, at(2, '0/6000'), parting), 'other_branch');
    assert.equal(branchOf(through('0/3000'), at(2, '0/6000'), parting), 'other_branch');
    assert.equal(branchOf(ours, at(1, '0/2000'), parting), 'on_history');
    assert.equal(branchOf(ours, at(1, '0/4000'), parting), 'other_branch');
  });

  test('left the WAL of each other where they parted', () => {
    assert.equal(leftAt(ours, timeline(2), theirs), 0x3000n);
    assert.equal(leftAt(through('0/3000'), timeline(2), theirs), 0x3000n);
    assert.equal(leftAt(ours, timeline(2)), 0x9000n);
    assert.equal(leftAt(ours, timeline(2), through('0/3000')), 0x9000n, 'the same one');
  });
});
