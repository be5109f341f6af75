import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type LocalPhysicalSlot,
  type Lsn,
  lsn,
  minLsn,
  type Ownership,
  type SlotAction,
  type SlotEvent,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { manifest } from '../event-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { hold, reader, selecting } from './physical-situations.ts';
import { planned } from './plan-situations.ts';

const steps = [
  'confirm',
  'write',
  'crash primary',
  'remake',
  'drop',
  'replay',
  'restartpoint',
  'crash standby',
  'stream',
  'leave',
  'plan',
] as const;
type Step = (typeof steps)[number];

/** A primary with one physical slot, and a standby that carries it. What the server keeps of it over a crash is what the last restartpoint saved. */
class World {
  #flushed = 0x1000n;
  #seq = 1;
  #made = 1;
  #there: bigint | undefined = 0x1000n;
  #saved = 0x1000n;
  #replayed = 0x1000n;
  #redo = 0x1000n;
  /** All that was published, in order. */
  readonly #events: SlotEvent[] = [];
  #here: LocalPhysicalSlot | undefined;
  #hereSaved: Lsn | undefined;
  #owned: Ownership | undefined;

  constructor() {
    this.#publish('create');
  }

  take(step: Step, amount: number): void {
    switch (step) {
      case 'write':
        this.#flushed += BigInt(amount);
        break;
      case 'confirm':
        this.#move(minLsn(lsn((this.#there ?? 0n) + BigInt(amount)), lsn(this.#flushed)));
        break;
      case 'crash primary':
        this.#move(lsn(this.#saved));
        break;
      case 'remake':
        this.#made = this.#seq + 1;
        this.#there = this.#flushed;
        this.#publish('create');
        break;
      case 'drop':
        this.#publish('drop');
        this.#there = undefined;
        break;
      case 'replay':
        this.#replayed = minLsn(lsn(this.#replayed + BigInt(amount)), lsn(this.#flushed));
        break;
      case 'restartpoint':
        this.#redo = this.#replayed;
        this.#hereSaved = this.#here?.restartLsn;
        break;
      case 'crash standby':
        this.#crash();
        break;
      case 'stream':
      case 'leave':
        this.#here = this.#here && { ...this.#here, active: step === 'stream' };
        break;
      case 'plan':
        this.#plan();
        break;
    }
  }

  #move(to: bigint): void {
    if (this.#there !== undefined) {
      this.#there = to;
      this.#publish('update');
    }
  }

  #publish(op: SlotEvent['op']): void {
    this.#seq += 1;
    const incarnation = { epoch: 1, seq: this.#made };
    const where = { seq: this.#seq, incarnation, lsn: lsn(this.#flushed), op };
    const event = reader(Number(this.#there ?? 0x1000n), {}, where);
    this.#events.push(op === 'drop' ? { ...event, state: physicalSlot('r') } : event);
  }

  #crash(): void {
    const saved = this.#hereSaved;
    if (this.#here !== undefined) {
      this.#here = { ...this.#here, active: false, restartLsn: saved ?? this.#here.restartLsn };
    }
  }

  /** The newest one that replay has reached. */
  get #applicable(): SlotEvent | undefined {
    return this.#events.findLast((event) => event.lsn <= this.#replayed);
  }

  #plan(): void {
    const event = this.#applicable;
    const isThere = event !== undefined && event.op !== 'drop';
    const { verdicts } = planned(
      selecting({
        events: event === undefined ? [] : [event],
        manifest: manifest(isThere ? ['r'] : [], { seq: this.#seq + 1 }),
        local: this.#here === undefined ? [] : [this.#here],
        owned: this.#owned === undefined ? {} : { r: this.#owned },
        replayLsn: lsn(this.#replayed),
        endOfWal: lsn(this.#flushed),
      }),
    );
    for (const { state, action } of verdicts) {
      const needed = event?.state?.restartLsn;
      if (state === 'ready') {
        const position = this.#here?.restartLsn;
        assert.ok(
          position !== undefined && needed !== undefined && position <= needed,
          'ready beyond its reader',
        );
      }
      this.#act(action, needed);
    }
  }

  #act(action: SlotAction | undefined, needed: Lsn | undefined): void {
    if (action?.kind === 'own') {
      this.#owned = action.ownership;
    } else if (action?.kind === 'release') {
      assert.equal(this.#here, undefined);
      this.#owned = undefined;
    } else if (action?.kind === 'create_physical') {
      assert.ok(this.#here === undefined && this.#owned?.physical === true);
      this.#here = hold(Number(this.#redo));
      this.#hereSaved = lsn(this.#redo);
    } else if (action?.kind === 'advance_physical') {
      const from = this.#here?.restartLsn ?? assert.fail('moved what is not here');
      assert.ok(action.target > from && action.target <= this.#replayed && this.#here?.active !== true);
      assert.ok(needed !== undefined && action.target <= needed, 'let go of WAL that its reader needs');
      this.#here = hold(Number(action.target));
    } else if (action?.kind === 'drop') {
      assert.ok(this.#here?.active !== true && !this.#isWanted, 'dropped what is in use, or wanted');
      this.#here = undefined;
    } else {
      assert.equal(action, undefined);
    }
  }

  get #isWanted(): boolean {
    const event = this.#applicable;
    return event !== undefined && event.op !== 'drop';
  }

  /** Everything is replayed, its reader has received all, and nobody streams from here. */
  settle(): void {
    this.take('write', 1);
    this.take('leave', 0);
    this.take('confirm', 0x1000_0000);
    this.take('replay', 0x1000_0000);
    for (let round = 0; round < 4; round += 1) {
      this.take('plan', 0);
    }
    const here = this.#here?.restartLsn;
    assert.equal(here, this.#there === undefined ? undefined : lsn(this.#flushed), 'not where its reader is');
    assert.equal(this.#owned === undefined, this.#there === undefined);
  }
}

describe('a copy of a physical slot in any history', { timeout: 60_000 }, () => {
  test('never lets go of WAL that its reader needs, and ends where that is', () => {
    const often = ['plan', 'plan', 'plan', 'replay', 'replay', 'write', 'confirm', 'confirm'] as const;
    const step = fc.tuple(fc.constantFrom(...steps, ...often), fc.integer({ min: 1, max: 0x800 }));
    const history = fc.array(step, { maxLength: 80, size: 'max' });
    fc.assert(
      fc.property(history, (taken) => {
        const world = new World();
        taken.forEach(([step, amount]) => {
          world.take(step, amount);
        });
        world.settle();
      }),
      { numRuns: 2000 },
    );
  });
});
