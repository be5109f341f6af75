import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { summarize } from './distribution.ts';
import { histogramTotals, meanBetween } from './metric-mean.ts';
import { backendRole, parseProcessTimes } from './process-stat.ts';
import { busyPercent } from './processor-time.ts';
import { largestJumpMb, restartGap } from './restart-gap.ts';

describe('what the benchmark measures with', { timeout: 10_000 }, () => {
  test('a distribution goes by the nearest rank', () => {
    const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
    assert.deepEqual(summarize(samples), { count: 200, p50: 100, p99: 198, max: 200 });
    assert.deepEqual(summarize([7]), { count: 1, p50: 7, p99: 7, max: 7 });
    assert.throws(() => summarize([]), /no sample/);
  });

  test('processor time is read behind a command whose name holds blanks and parentheses', () => {
    const fields = ['S', ...Array.from({ length: 10 }, () => '0'), '12', '3', '40', '5', '20'];
    assert.deepEqual(parseProcessTimes(`17 (a ) b) ${fields.join(' ')}`), {
      ownMs: 150,
      endedChildrenMs: 450,
    });
    assert.throws(() => parseProcessTimes('17 (postgres) S 1'), /not as expected/);
  });

  for (const [title, role] of [
    ['postgres: slotcast postgres 127.0.0.1(40404) idle', 'services'],
    ['postgres: walsender slotcast postgres 127.0.0.1(40404) START_REPLICATION', 'services'],
    ['postgres: slotsync worker ', 'slotsync'],
    ['postgres: postgres postgres 127.0.0.1(40404) idle', 'slotsync'],
    ['postgres: walsender postgres 127.0.0.1(40404) streaming 0/3000148', 'streaming'],
    ['postgres: walreceiver streaming 0/3000148', 'streaming'],
    ['postgres: startup recovering 000000010000000000000003', 'replay'],
    ['postgres: bench_load postgres 127.0.0.1(40404) INSERT', 'load'],
    ['postgres: bench_decoding postgres 127.0.0.1(40404) SELECT', 'decoding'],
    ['postgres: walsender bench postgres 127.0.0.1(40404) idle', 'benchmark'],
    ['postgres: io worker 1', 'background'],
    ['postgres: postmaster', 'other'],
  ] as const) {
    test(`"${title}" is ${role}`, () => {
      assert.equal(backendRole(`${title}\0\0`), role);
    });
  }

  test('the share of the machine that was in use counts all cores', () => {
    assert.equal(busyPercent({ busy: 100, total: 1000 }, { busy: 150, total: 1200 }), 25);
  });

  test('of restart_lsn the slot that is furthest behind counts, and one that is missing does not', () => {
    const there = new Map([
      ['a', parseLsn('0/4000000')],
      ['b', parseLsn('0/3000000')],
      ['gone', parseLsn('0/1')],
    ]);
    const here = new Map([
      ['a', parseLsn('0/3000000')],
      ['b', parseLsn('0/2F00000')],
    ]);
    const earlier = new Map([
      ['a', parseLsn('0/2800000')],
      ['b', parseLsn('0/2FC0000')],
    ]);
    assert.deepEqual(restartGap({ there, earlier, here, end: parseLsn('0/5000000') }), {
      behindPrimaryMb: 0x1000000 / 1e6,
      behindEarlierMb: 0xc0000 / 1e6,
      behindEndMb: 0x2100000 / 1e6,
    });
    assert.deepEqual(restartGap({ there, earlier, here: new Map(), end: parseLsn('0/5000000') }), {
      behindPrimaryMb: 0,
      behindEarlierMb: 0,
      behindEndMb: 0,
    });
  });

  test('a jump is the most that one slot has moved by, and a new slot has not moved', () => {
    const before = new Map([
      ['a', parseLsn('0/1000000')],
      ['b', parseLsn('0/1000000')],
    ]);
    const after = new Map([
      ['a', parseLsn('0/1800000')],
      ['b', parseLsn('0/3000000')],
      ['new', parseLsn('0/9000000')],
    ]);
    assert.equal(largestJumpMb(before, after), 0x2000000 / 1e6);
    assert.equal(largestJumpMb(after, after), 0);
  });

  test('the mean of a histogram is that of what came between two readings', () => {
    const text = [
      '# TYPE poll_seconds histogram',
      'poll_seconds_bucket{le="1"} 4',
      'poll_seconds_sum{node="a"} 1.5',
      'poll_seconds_count{node="a"} 4',
      'other_poll_seconds_sum 100',
    ].join('\n');
    const totals = histogramTotals(text, 'poll_seconds');
    assert.deepEqual(totals, { sum: 1.5, count: 4 });
    assert.equal(meanBetween({ sum: 0.5, count: 2 }, totals), 0.5);
    assert.equal(meanBetween(totals, totals), undefined);
  });
});
