import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeCalledSafe } from '../src/oracle/called-safe.ts';

describe('a standby of which prepare-promotion says that it is safe', () => {
  it('breaks I3 once for each slot of which it has no good copy', () => {
    const found = judgeCalledSafe('b', ['app', 'web'], 7);
    assert.deepEqual(
      found.map(({ invariant, slot, at }) => [invariant, slot, at]),
      [
        ['I3', 'app', 7],
        ['I3', 'web', 7],
      ],
    );
    assert.match(found[0]?.text ?? '', /calls b safe, where app /);
  });

  it('breaks nothing, when all of them are good', () => {
    assert.deepEqual(judgeCalledSafe('b', [], 7), []);
  });
});
