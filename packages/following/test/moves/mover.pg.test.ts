import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Lsn, lsn, parseSlotName, reasonText } from '@slotcast/domain';
import { type Clock, systemClock } from '@slotcast/kernel';
import { subscribe } from '@slotcast/postgres';
import { type PostgresMajor, takeWalsenders, waitUntil } from '@slotcast/testkit';
import { LOUD_ROLE, MovedSlots, ROLE, type TestedMover } from './moved-slots.ts';

const TIMEOUT_MS = 180_000;
const HALF_MINUTE_MS = 31_000;
const WAL_SENDERS = 3;

/** A clock that stands still until it is set forward. */
class SetClock implements Clock {
  ms = 1_000_000;
  now = (): number => this.ms;
  monotonicMs = (): number => this.ms;
  sleep = (ms: number, signal: AbortSignal): Promise<void> => systemClock.sleep(ms, signal);
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`moving slots of a standby of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let slots: MovedSlots;

    before(async () => {
      slots = await MovedSlots.start(major, { max_wal_senders: String(WAL_SENDERS) });
      await slots.create('postgres', { here1: 'pgoutput', here2: 'test_decoding' });
      await slots.create('shop', { there1: 'pgoutput', there2: 'test_decoding' });
    });

    after(async () => {
      await slots?.[Symbol.asyncDispose]();
    });

    function actions(goal: Lsn) {
      return [
        slots.action('postgres', 'here1', 'pgoutput', goal),
        slots.action('postgres', 'here2', 'test_decoding', goal),
        slots.action('shop', 'there1', 'pgoutput', goal),
        slots.action('shop', 'there2', 'test_decoding', goal),
      ];
    }

    function reasonOf({ mover }: TestedMover, slot: string): string | undefined {
      const [action] = actions(lsn(1n)).filter((each) => each.slot === slot);
      const why = mover.decodingReason(parseSlotName(slot), action?.database ?? assert.fail());
      return why && reasonText([why]);
    }

    /** Runs until all slots are at the goal, as the consumer's rounds do. */
    async function untilReached(moved: TestedMover, goal: Lsn): Promise<void> {
      await waitUntil(
        async () => {
          await moved.mover.run(actions(goal), { upTo: goal, urgent: true });
          const all = await Promise.all(actions(goal).map(({ slot }) => slots.positions(slot)));
          return all.every(({ confirmed }) => confirmed === goal);
        },
        { describe: 'all slots at the goal' },
      );
    }

    test('takes all of both databases to their goals at once, and decodes nothing', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using moved = slots.mover();
      const before = await slots.positions('here1');
      const goal = await slots.write();
      const reached = await moved.mover.run(actions(goal), { upTo: goal, urgent: false });
      assert.deepEqual(
        new Map(reached.map(({ action, position }): [string, Lsn] => [action.slot, position])),
        new Map(['here1', 'here2', 'there1', 'there2'].map((slot) => [slot, goal])),
      );
      const { confirmed, restart } = await slots.positions('here1');
      assert.deepEqual([confirmed, restart], [goal, before.restart]);
      assert.equal(moved.mover.waitMs(), 0, 'nothing was spent on decoding');
    });

    test('does nothing at all when one goal is past what was replayed', { timeout: TIMEOUT_MS }, async () => {
      await using moved = slots.mover();
      const before = await slots.positions('here2');
      const goal = await slots.write();
      const run = moved.mover.run(actions(goal), { upTo: lsn(goal - 1n), urgent: false });
      await assert.rejects(run, RangeError);
      assert.deepEqual(await slots.positions('here2'), before);
    });

    test('advances a slot by decoding whose plugin refuses the move, and holds up none of the others', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using moved = slots.mover();
      const goal = await slots.write();
      const wrong = [slots.action('postgres', 'here2', 'pgoutput', goal), ...actions(goal).slice(2)];
      const reached = await moved.mover.run(wrong, { upTo: goal, urgent: false });
      assert.deepEqual(reached.map(({ action }) => action.slot).toSorted(), ['there1', 'there2']);
      assert.match(reasonOf(moved, 'here2') ?? '', /moving it without decoding failed: .*22023/);
      assert.equal(reasonOf(moved, 'here1'), undefined);
      await waitUntil(async () => (await slots.positions('here2')).confirmed === goal, {
        describe: 'the slot at its goal',
      });
      const [late] = await moved.mover.run([], { upTo: goal, urgent: false });
      assert.equal(late?.position, goal, 'what was reached is told by a later run');
      moved.mover.forget(parseSlotName('here2'));
      assert.equal(reasonOf(moved, 'here2'), undefined);
    });

    test('leaves slots alone that are in use or missing, and says so', { timeout: TIMEOUT_MS }, async () => {
      await using moved = slots.mover();
      await slots.primary.query('create publication everything for all tables');
      const goal = await slots.write();
      const stop = new AbortController();
      const reading = subscribe({
        connection: { url: slots.standby.url('postgres', ROLE), applicationName: 'reader' },
        slot: 'here1',
        publication: 'everything',
        onRow: () => undefined,
        signal: stop.signal,
      });
      try {
        await slots.standby.waitFor(
          `select from pg_replication_slots where slot_name = 'here1' and active`,
          (rows) => rows.length === 1,
        );
        const missing = slots.action('postgres', 'missing', 'pgoutput', goal);
        const run = moved.mover.run([missing, ...actions(goal)], { upTo: goal, urgent: false });
        const reached = (await run).map(({ action }) => action.slot).toSorted();
        assert.deepEqual(reached, ['here2', 'there1', 'there2']);
        const held = moved.failures.held();
        assert.match(reasonText(held.get(parseSlotName('missing'))?.reasons ?? []), /42704/);
        assert.match(reasonText(held.get(parseSlotName('here1'))?.reasons ?? []), /55006/);
        assert.equal(reasonOf(moved, 'here1'), undefined);
      } finally {
        stop.abort();
        await reading;
      }
    });

    test('decodes where max_wal_senders are all in use, and moves again as soon as it may try again', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const clock = new SetClock();
      await using moved = slots.mover({ clock });
      const taken = await takeWalsenders(slots.standby.url('postgres', ROLE));
      try {
        await untilReached(moved, await slots.write());
        assert.match(
          reasonOf(moved, 'here1') ?? '',
          /walsender session on database postgres failed: .*53300/,
        );
        assert.match(reasonOf(moved, 'there2') ?? '', /53300.*max_wal_senders/);
      } finally {
        await Promise.all(taken.map((each) => each.close()));
      }
      const goal = await slots.write();
      await moved.mover.run(actions(goal), { upTo: goal, urgent: true });
      assert.notEqual(reasonOf(moved, 'here1'), undefined, 'not tried again before the pause is over');
      await untilReached(moved, goal);
      clock.ms += HALF_MINUTE_MS;
      await untilReached(moved, await slots.write());
      assert.equal(reasonOf(moved, 'here1'), undefined);
    });

    test('cuts off a walsender that does not answer, and decodes', { timeout: TIMEOUT_MS }, async () => {
      await using moved = slots.mover({ batchTimeoutMs: 300, patienceMs: 200 });
      await untilReached(moved, await slots.write());
      const [row] = await slots.standby.query<{ pid: number }>(
        `select pid from pg_stat_activity where backend_type = 'walsender' and datname = 'shop'`,
      );
      const pid = row?.pid ?? assert.fail('no walsender');
      process.kill(pid, 'SIGSTOP');
      try {
        for (const round of ['the first', 'a later']) {
          const goal = await slots.write();
          const reached = await moved.mover.run(actions(goal), { upTo: goal, urgent: true });
          assert.deepEqual(
            // What reached an earlier goal late is told with the next round.
            reached.filter(({ position }) => position === goal).map(({ action }) => action.slot),
            ['here1', 'here2'],
            `${round} round does not wait for the other database`,
          );
          assert.deepEqual([...moved.mover.underWay], ['there1', 'there2']);
        }
        await waitUntil(() => moved.mover.underWay.size === 0, { describe: 'the end of the moves' });
        assert.match(reasonOf(moved, 'there1') ?? '', /without decoding on database shop failed/);
        assert.equal(reasonOf(moved, 'here1'), undefined);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await untilReached(moved, await slots.write());
    });

    if (major === 18) {
      test('keeps a slot from its idle timeout by moving it to where it stands', {
        timeout: TIMEOUT_MS,
      }, async () => {
        await using moved = slots.mover();
        const { confirmed } = await slots.positions('here1');
        const inactiveSince = async (): Promise<string> => {
          const [row] = await slots.standby.query<{ since: string }>(
            `select inactive_since::text as since from pg_replication_slots where slot_name = 'here1'`,
          );
          return row?.since ?? '';
        };
        const before = await inactiveSince();
        const keep = { ...slots.action('postgres', 'here1', 'pgoutput', confirmed), kind: 'keep' } as const;
        const [reached] = await moved.mover.run([keep], { upTo: confirmed, urgent: false });
        assert.equal(reached?.position, confirmed);
        assert.ok((await inactiveSince()) > before);
        assert.equal(moved.mover.waitMs(), 0, 'nothing was spent on decoding');
      });
    }

    test('moves a slot once a second only where the log of the server cannot be kept quiet', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const clock = new SetClock();
      await using moved = slots.mover({ role: LOUD_ROLE, clock });
      await untilReached(moved, await slots.write());
      clock.ms += 1000;
      const goals: Lsn[] = [];
      const reached: Lsn[] = [];
      for (let round = 0; round < 5; round += 1) {
        const goal = await slots.write();
        const run = await moved.mover.run(actions(goal), { upTo: goal, urgent: false });
        goals.push(goal);
        reached.push(...run.map(({ position }) => position));
      }
      assert.deepEqual([...new Set(reached)], goals.slice(0, 1));
      clock.ms += 1000;
      const last = goals.at(-1) ?? lsn(1n);
      const run = await moved.mover.run(actions(last), { upTo: last, urgent: false });
      assert.equal(run.length, 4);
    });
  });
}
