import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { lsn, reason } from '@slotcast/domain';
import type { StatusReport } from '@slotcast/views';
import { paintFor, plain, statusText, wrapText } from 'slotcast';
import { copy, factsOf, fullReport, reportOf, standby } from './status-examples.ts';

const options = { timeout: 10_000 };
const enough = { receiveLsn: lsn(0x310_0000n) };
/** What the consumer of the orders has confirmed. */
const current = { confirmedFlushLsn: lsn(0x300_8000n) };

function text(report: StatusReport, width = 100): string {
  return statusText(report, { paint: plain, width }).join('\n');
}

function firstLine(report: StatusReport): string {
  return text(report, 200).split('\n')[0] ?? '';
}

const both = [
  copy('db2', 'orders_cdc', current),
  copy('db2', 'audit_cdc'),
  copy('db3', 'orders_cdc', current),
  copy('db3', 'audit_cdc'),
];
const well = factsOf([standby('db2', 1000, enough), standby('db3', 3000, enough)], both);

function lagging(bytes: bigint, seconds: number) {
  return { state: 'lagging', reasons: [reason('behind', { bytes, seconds })] } as const;
}

describe('the first line', options, () => {
  test('says that all is well, and for how many standbys', () => {
    assert.equal(firstLine(reportOf(well)), 'Every wanted slot can be taken over by at least one standby.');
    assert.equal(
      firstLine(reportOf(well, { requirement: 'all' })),
      'Every wanted slot can be taken over by each of 2 standbys.',
    );
    assert.equal(
      firstLine(reportOf(well, { requirement: 2 })),
      'Every wanted slot can be taken over by at least 2 standbys.',
    );
    const one = factsOf([standby('db2', 0)], both, { names: ['orders_cdc'] });
    assert.equal(firstLine(reportOf(one)), 'Slot orders_cdc can be taken over by standby db2.');
  });

  test('names the slots that are not ready', () => {
    const half = factsOf([standby('db2', 0), standby('db3', 0)], both.slice(0, 1));
    assert.equal(firstLine(reportOf(half)), '1 of 2 wanted slots is not ready on any standby: audit_cdc.');
    assert.equal(
      firstLine(reportOf(half, { requirement: 'all' })),
      '2 of 2 wanted slots have no ready copy on each of 2 standbys: audit_cdc, orders_cdc.',
    );
    assert.equal(
      firstLine(reportOf(factsOf([standby('db2', 0)], []))),
      'None of 2 wanted slots is ready on standby db2: audit_cdc, orders_cdc.',
    );
  });

  test('says what can be taken over as far as is known when the publisher has been silent for too long', () => {
    const lagging = both.map(({ record, writtenAt }) => ({
      record: {
        ...record,
        state: 'unheard',
        reasons: [reason('publisher_silent', { seconds: 64 })],
      } as const,
      writtenAt,
    }));
    const silent = factsOf([standby('db2', 0)], lagging, { manifestAgeMs: 64_000 });
    const shown = text(reportOf(silent), 300);
    assert.match(
      shown,
      /^Each of 2 wanted slots can be taken over by standby db2, by what was published until 1 min 4 s ago; what happened since is not known\.\n/,
    );
    assert.doesNotMatch(shown, /None of/);
    const lost = factsOf([standby('db2', 0)], lagging.slice(0, 1), { manifestAgeMs: 64_000 });
    assert.match(firstLine(reportOf(lost)), /^None of 2 wanted slots is ready on standby db2/);
  });

  test('names a filter that selects none of the slots', () => {
    const filterDoubt = { code: 'SLOTCAST_SLOTS=ordres selects none', facts: {} };
    const { view } = reportOf(well);
    const doubted = reportOf(well, { view: { ...view, slots: [], filterDoubt } });
    assert.equal(firstLine(doubted), 'SLOTCAST_SLOTS=ordres selects none.');
    assert.doesNotMatch(text(doubted), /nothing to take over/);
  });

  test('says so when no slot is wanted', () => {
    assert.match(firstLine(reportOf(factsOf([], [], { names: [] }))), /^There is nothing to take over/);
  });
});

describe('the report', options, () => {
  test('of a cluster that is well has nothing but facts', () => {
    const shown = text(reportOf(well));
    assert.doesNotMatch(shown, /not ready|stale|Ahead|brackets/);
    assert.match(shown, /^orders_cdc {2}0\/3008000 {2}ready {2}ready$/m);
    assert.match(shown, /^1\. db2: loses no slot; no subscriber is ahead of its WAL \(0\/3100000\)$/m);
  });

  test('says which slots are advanced by decoding, and why, though they are ready', () => {
    const decoding = { code: 'a walsender session on database shop failed: [53300]', facts: {} };
    const copies = [copy('db2', 'orders_cdc', { decoding }), copy('db2', 'audit_cdc')];
    const shown = text(reportOf(factsOf([standby('db2', 0)], copies)), 200);
    assert.match(shown, /^db2: orders_cdc is advanced by decoding: a walsender session .* \[53300\]$/m);
    assert.doesNotMatch(shown, /not ready/);
  });

  test('says that all standbys were silent for how long, and what was so then', () => {
    const facts = factsOf([standby('db2', 95_000), standby('db3', 200_000)], both);
    const shown = text(reportOf(facts), 200);
    assert.match(shown, /^No standby has written its status for 1 min 35 s: what is said/m);
    assert.match(shown, /^audit_cdc .* was ready {2}was ready$/m);
    assert.match(shown, /^Each of them could still be taken over/m);
  });

  test('tells of a publisher that missed two heartbeats, and of standbys without WAL, while all is ready', () => {
    const cutOff = [standby('db2', 0, { upstream: undefined }), standby('db3', 0, { upstream: undefined })];
    const late = text(reportOf(factsOf(cutOff, both, { manifestAgeMs: 20_000 })));
    assert.match(late, /^Every wanted slot can be taken over/);
    assert.match(late, /^The publisher beside db1 has been silent for 20 s: is the primary down\?$/m);
    assert.match(late, /^db2, db3 stream from no server, and so receive no WAL\.$/m);
    const usual = text(reportOf(factsOf([standby('db2', 0)], both, { manifestAgeMs: 12_000 })));
    assert.doesNotMatch(usual, /silent|stream/);
  });

  test('says that the publisher is silent', () => {
    const facts = factsOf([standby('db2', 0)], both, { manifestAgeMs: 61_000 });
    assert.match(text(reportOf(facts)), /^The publisher beside db1 has been silent for 1 min 1 s/m);
  });

  test('gives slots one line whose reasons differ in what was measured only, with its span', () => {
    const facts = factsOf(
      [standby('db2', 0)],
      [copy('db2', 'orders_cdc', lagging(900n, 70)), copy('db2', 'audit_cdc', lagging(1000n, 8))],
    );
    assert.match(
      text(reportOf(facts)),
      /^db2: audit_cdc, orders_cdc are lagging: is 900 to 1000 bytes and 8 to 70 s behind the primary$/m,
    );
  });

  test('gives each reason once, with all slots that it holds for', () => {
    const blocked = {
      state: 'blocked',
      reasons: [{ code: 'hot_standby_feedback is off', facts: {} }],
    } as const;
    const facts = factsOf(
      [standby('db2', 0)],
      [copy('db2', 'orders_cdc', blocked), copy('db2', 'audit_cdc', blocked)],
    );
    assert.match(
      text(reportOf(facts)),
      /^db2: audit_cdc, orders_cdc are blocked: hot_standby_feedback is off$/m,
    );
  });

  test('shows what the last promotion did, the canary, an unfit standby, and what a promotion would cost', () => {
    const shown = text(fullReport(), 400);
    assert.match(
      shown,
      /^db2 was promoted to timeline 1 at 0\/1000000, 2 h ago: fence raised to 0\/1100000; what subscribers confirmed is unknown since 1 h ago, beyond 0\/F00000; subscribers that were ahead: orders_cdc \(0\/1080000, fenced\); slots lost: audit_cdc \(no plugin\)$/m,
    );
    assert.match(shown, /14 ms, 1 s ago/);
    assert.match(shown, /^db3 is unfit: it has system identifier 42/m);
    assert.match(shown, /^the restart_lsn of 3 slots on db2 has fallen behind for .*, by 300 MB now/m);
    assert.match(shown, /^slot broken on db3 is left alone: its restart_lsn is no position$/m);
    assert.match(
      shown,
      /^1\. db2: loses 1 of 2 slots; subscribers are up to 32 kB ahead of its WAL \(0\/3000000\)$/m,
    );
    assert.match(shown, /^ {3}lost: audit_cdc \(blocked\)$/m);
    assert.match(shown, /^ {3}ahead: orders_cdc 32 kB$/m);
    assert.match(
      shown,
      /^archive: its reader needs WAL from 0\/2800000 on; kept on db2 from 0\/2900000 on \(catching_up: it keeps WAL/m,
    );
    assert.match(shown, /ready \(96 kB, 10 min\)/);
  });

  test('stays within its width, with a further table for standbys that have no room in the first', () => {
    const names = Array.from({ length: 12 }, (_, index) => `a-standby-with-a-long-name-${index}`);
    const facts = factsOf(
      names.map((name) => standby(name, 0)),
      [],
    );
    const lines = text(reportOf(facts), 80).split('\n');
    const tables = lines.filter((line) => line.startsWith('slot '));
    assert.ok(tables.length > 1);
    for (const name of names) {
      assert.equal(tables.filter((line) => line.split(/\s+/).includes(name)).length, 1, name);
    }
    assert.ok(tables.every((line) => line.length <= 80));
  });

  test('has the same words with colours as without', () => {
    const paint = paintFor({ isTTY: true }, {});
    const coloured = statusText(fullReport(), { paint, width: 100 });
    assert.notDeepEqual(coloured, statusText(fullReport(), { paint: plain, width: 100 }));
    assert.equal(stripVTControlCharacters(coloured.join('\n')), text(fullReport()));
  });

  test('shows no control characters that a record brought along', () => {
    const evil = copy('db2', 'audit_cdc', {
      state: 'blocked',
      reasons: [{ code: 'a\u001b[2Jb', facts: {} }],
    });
    assert.ok(!text(reportOf(factsOf([standby('db2', 0)], [evil]))).includes('\u001b'));
  });
});

describe('colours', options, () => {
  test('are for terminals that want them', () => {
    assert.equal(paintFor({ isTTY: true }, { NO_COLOR: '1' })('bad', 'x'), 'x');
    assert.equal(paintFor({ isTTY: true }, { TERM: 'dumb' })('bad', 'x'), 'x');
    assert.equal(paintFor({ isTTY: false }, {})('bad', 'x'), 'x');
    assert.notEqual(paintFor({ isTTY: true }, {})('bad', 'x'), 'x');
  });
});

test('text is broken between words, with later lines indented', options, () => {
  assert.deepEqual(wrapText('one two three four', { width: 9, indent: 2 }), ['one two', '  three', '  four']);
  assert.deepEqual(wrapText('   lost: a', { width: 80, indent: 2 }), ['   lost: a']);
});
