import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DropWatch } from '../src/oracle/drop-watch.ts';
import { type CopyHolder, isGoodCopy } from '../src/oracle/good-copy.ts';
import { Incarnation } from '../src/oracle/incarnation.ts';
import type { Violation } from '../src/types.ts';
import { HandMadeLine, handMade } from './hand-made-line.ts';

describe('a copy of a slot that slotcast drops', () => {
  let line: HandMadeLine;
  let incarnation: Incarnation;

  beforeEach(() => {
    line = new HandMadeLine();
    const { DATABASE: database } = handMade;
    incarnation = new Incarnation({ slot: 'app', database, startLsn: 0, line });
    incarnation.receive(line.commit(1).rows);
    line.commit(2);
  });

  /** A server whose slots stand where they say. */
  function server(node: string, slots: Record<string, number>): CopyHolder {
    return {
      node,
      line,
      receiveLsn: line.end,
      wouldDeliver: (slot, from) => {
        const confirmed = slots[slot];
        return confirmed === undefined ? undefined : line.committed(Math.max(confirmed, from ?? 0), line.end);
      },
    };
  }

  /** After c had slots as `had`, its `app` was dropped, and it has slots as `then`. `left`: servers on the line in use. */
  function judged(
    left: CopyHolder[],
    had: Record<string, number> = { app: 110 },
    then: Record<string, number> = {},
  ): Violation | undefined {
    const slots: Record<string, number> = { ...had };
    const watch = new DropWatch((_server, slot) => [`${slot}_kept`]);
    watch.before(server('c', slots), 'consumer@c', { incarnation, asksFor: undefined });
    delete slots['app'];
    Object.assign(slots, then);
    return watch.judge(left, 7)[0];
  }

  it('is a violation, when no server has a good one any more', () => {
    assert.equal(judged([server('b', {}), server('c', {})])?.invariant, 'I4');
  });

  it('is one, when the copies that are left stand beyond what the subscriber has', () => {
    assert.equal(judged([server('b', { app: line.end }), server('c', {})])?.invariant, 'I4');
  });

  it('is none, when another server has a good one', () => {
    assert.equal(judged([server('a', { app: 110 }), server('c', {})]), undefined);
  });

  it('is none, when it stands under another name, or again', () => {
    assert.equal(judged([server('c', { app_kept: 110 })]), undefined);
    assert.equal(judged([server('c', { app: 110 })]), undefined);
  });

  it('is none, when it stands under another name on a server whose line is not in use', () => {
    assert.equal(judged([server('b', {})], { app: 110 }, { app_kept: 110 }), undefined);
    assert.equal(judged([server('b', {})], { app: 110 }, { app_kept: line.end })?.invariant, 'I4');
  });

  it('is none, when a person had put it where it stood; the next one of that name is', () => {
    const watch = new DropWatch(() => []);
    const drop = (): Violation | undefined => {
      const slots: Record<string, number> = { app: 110 };
      watch.before(server('c', slots), 'consumer@c', { incarnation, asksFor: undefined });
      delete slots['app'];
      return watch.judge([], 7)[0];
    };
    watch.touched({ node: 'c' }, 'app');
    assert.equal(drop(), undefined);
    assert.equal(drop()?.invariant, 'I4');
  });

  it('is none, when it was not good itself', () => {
    assert.equal(judged([server('c', {})], { app: line.end }), undefined);
  });

  it('is good as well when the subscriber asks for what it has itself, and bad when it asks for more', () => {
    assert.equal(isGoodCopy(server('b', { app: 100 }), incarnation, { asksFor: 110 }), true);
    assert.equal(isGoodCopy(server('b', { app: 100 }), incarnation, { asksFor: 120 }), false);
  });
});
