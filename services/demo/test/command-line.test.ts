import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCommandLine } from '@slotcast/demo';

describe('the command line of the demo', { timeout: 10_000 }, () => {
  test('runs with a table for people unless JSON is asked for', () => {
    assert.deepEqual(parseCommandLine([]), { kind: 'run', scenario: 'failover', output: 'text' });
    assert.deepEqual(parseCommandLine(['--scenario', 'ahead', '--output', 'json']), {
      kind: 'run',
      scenario: 'ahead',
      output: 'json',
    });
  });

  test('explains itself', () => {
    assert.equal(parseCommandLine(['-h']).kind, 'help');
    assert.equal(parseCommandLine(['--output', 'json', '--help']).kind, 'help');
  });

  for (const args of [
    ['--unknown'],
    ['word'],
    ['--output', 'xml'],
    ['--scenario', 'behind'],
    ['--output'],
    ['--help=yes'],
  ]) {
    test(`refuses ${args.join(' ')}`, () => {
      assert.equal(parseCommandLine(args).kind, 'usage');
    });
  }
});
