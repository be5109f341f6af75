import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SlotcastError } from '@slotcast/kernel';
import { findMishap } from '../src/oracle/mishaps.ts';
import type { Note } from '../src/types.ts';

function said(message: string, fields: Record<string, unknown>): Note & { kind: 'log' } {
  return { kind: 'log', at: 3, process: 'consumer@b', level: 'warn', message, fields };
}

function ended(error: unknown): Note {
  return { kind: 'exit', at: 3, process: 'publisher@a', error };
}

describe('what a service says or ends with', () => {
  for (const [what, note] of [
    ['an error without a code', said('failed, will try again', { error: 'x is not a function' })],
    ['a hand-off that stays open', said('failed, will try again', { code: 'SC_HAND_OFF_OPEN' })],
    ['an unexpected error', said('failed', { code: 'SC_UNEXPECTED', error: 'x' })],
    ['a step that its own check refused', said('report it, it is a fault of slotcast', { reason: 'beyond' })],
    ['an end by an error without a code', ended(new TypeError('x is not a function'))],
  ] as const) {
    it(`is a violation: ${what}`, () => {
      assert.equal(findMishap(note)?.invariant, 'I10');
    });
  }

  for (const [what, note] of [
    ['a server that is away', said('failed, will try again', { code: 'SC_POSTGRES_UNREACHABLE' })],
    [
      'a hand-off that is open once',
      { ...said('failed, will try again', { code: 'SC_HAND_OFF_OPEN' }), level: 'info' },
    ],
    [
      'another publisher that takes over, after failures of another kind',
      said('failed, will try again', { error: 'could not append as p: a later claim took over' }),
    ],
    ['a clean stop', ended(undefined)],
    ['a refusal with its reason', ended(new SlotcastError('SC_HIGHER_TIMELINE', 'left behind'))],
  ] as const) {
    it(`is none: ${what}`, () => {
      assert.equal(findMishap(note), undefined);
    });
  }
});
