import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type DivergencePolicy,
  emptyLine,
  FENCE_MARGIN_BYTES,
  HAND_OFF_FENCE_MS,
  HAND_OFF_GUARD_MS,
  type RoleEvent,
  unheardBefore,
} from '@slotcast/domain';
import { type EndedRecovery, RecoveryGuard } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { RecoveryWatch, readWalEnd } from '@slotcast/postgres';
import { type PostgresMajor, waitUntil } from '@slotcast/testkit';
import { optionsFor, Pair, ROLE, untilSeen } from './promoted-servers.ts';

const TIMEOUT_MS = 180_000;
const MEGABYTE = 1024n * 1024n;

/** Writes, and waits until the guard has seen the WAL receiver again since that arrived. */
async function untilHeard(pair: Pair, watch: Watch): Promise<void> {
  await watch.untilLooking();
  await pair.primary.query('insert into numbered values (1)');
  await pair.primary.waitForReplay(pair.standby);
  await watch.untilLooking();
}

/** Where the shutdown checkpoint was that came last, and whether anything may be unheard although the publisher was silent for 20 s. */
async function endingOf({ receiver, shutdownLsn: read, ...ended }: EndedRecovery) {
  const { recoveringAtMs, start } = ended;
  assert.ok(start);
  const shutdownLsn = await read;
  const word = { heardAtMs: recoveringAtMs - 20_000, bytesPerSecond: 0 };
  const line = { ...emptyLine, word, switchLsn: start.switchLsn };
  const unheard = unheardBefore(line, recoveringAtMs, { receiver, shutdownLsn });
  return { shutdownLsn, isUnheard: unheard !== undefined };
}

/** A guard at work on the standby of a pair. */
class Watch {
  readonly guard: RecoveryGuard;
  readonly #pair: Pair;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly events: RoleEvent[] = [];
  ends = 0;

  constructor(
    pair: Pair,
    onDivergence: DivergencePolicy,
    onReport: (event: RoleEvent) => void = () => undefined,
  ) {
    this.#pair = pair;
    this.guard = new RecoveryGuard({
      postgres: optionsFor(pair.standby, { applicationName: 'guard' }),
      onDivergence,
      line: () => emptyLine,
      onPrimary: () => Promise.resolve(),
      onEnd: () => {
        this.ends += 1;
        return Promise.resolve(true);
      },
      report: (event) => {
        this.events.push(event);
        onReport(event);
      },
      clock: systemClock,
      logger: createLogger({ level: 'silent', fields: {} }),
    });
    this.#running = this.guard.run(this.#stop.signal);
  }

  async untilLooking(): Promise<void> {
    await untilSeen(this.#pair.standby);
  }

  /** The guard's session with the server. */
  async backend(): Promise<number> {
    const [row] = await this.#pair.standby.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'guard' and query like '%recursive look%'`,
    );
    assert.ok(row);
    return row.pid;
  }

  awaitEnd() {
    return this.guard.awaitEnd(this.#stop.signal);
  }

  async untilEnded() {
    return await waitUntil(() => this.guard.ended, { describe: 'the guard to see the end of recovery' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the watch over a standby of PostgreSQL ${major}`, { timeout: 480_000 }, () => {
    test('goes on over a restart, and raises the fence as soon as the standby is promoted', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await using watch = new Watch(pair, 'fence');
      await watch.untilLooking();
      await pair.standby.restart();
      await untilHeard(pair, watch);
      assert.equal(watch.guard.ended, undefined);

      const { nextXid, replayLsn } = await pair.promote();
      const ended = await watch.untilEnded();
      const { baseline, passes } = ended;
      assert.equal(baseline.nextXid, nextXid);
      const [pass] = passes;
      assert.ok(pass?.clean === true && replayLsn !== undefined);
      assert.ok(pass.reachedLsn >= replayLsn + FENCE_MARGIN_BYTES);
      assert.equal(watch.ends, 1);
      // The primary was shut down in an orderly way.
      const { shutdownLsn, isUnheard } = await endingOf(ended);
      assert.ok(shutdownLsn !== undefined && shutdownLsn < replayLsn);
      assert.equal(isUnheard, false);
    });

    test('pushes no WAL when slots are quarantined instead, and tells the end all the same', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await using watch = new Watch(pair, 'quarantine');
      await untilHeard(pair, watch);
      const { replayLsn } = await pair.promote('immediate');
      const ended = await watch.untilEnded();
      assert.deepEqual(ended.passes, []);
      assert.deepEqual(await endingOf(ended), { shutdownLsn: undefined, isUnheard: true });
      const connection = await pair.connect();
      try {
        const { insertLsn } = await readWalEnd(connection);
        assert.ok(replayLsn !== undefined && insertLsn - replayLsn < MEGABYTE);
      } finally {
        await connection.close();
      }
    });

    test('forgets an end when the server was promoted again and nobody was there to see it', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await using watch = new Watch(pair, 'fence');
      await watch.untilLooking();
      await pair.standby.promote();
      await watch.untilEnded();
      await pair.standby.query(`alter role ${ROLE} connection limit 0`);
      await pair.standby.follow(pair.primary, { waitForStreaming: false });
      await pair.standby.promote();
      await pair.standby.query(`alter role ${ROLE} connection limit -1`);
      await waitUntil(() => watch.guard.ended === undefined, { describe: 'the guard to forget the end' });
      assert.equal(await watch.awaitEnd(), undefined);
      assert.equal(watch.ends, 1);
    });

    test('believes no recovery of the server before a restart, which may have been another one', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await using watch = new Watch(pair, 'fence');
      await watch.untilLooking();
      await pair.primary.query(`alter role ${ROLE} connection limit 0`);
      await pair.standby.waitFor(
        `select from pg_roles where rolname = '${ROLE}' and rolconnlimit = 0`,
        (rows) => rows.length === 1,
      );
      await pair.standby.restart();
      await pair.standby.promote();
      await pair.standby.query(`alter role ${ROLE} connection limit -1`);
      await waitUntil(() => watch.ends === 1, { describe: 'the guard to find a primary' });
      assert.equal(watch.guard.ended, undefined);
      assert.deepEqual(watch.events, ['recovery_ended', 'fence_failed']);
    });

    test('has nothing to wait for on a primary, nor to tell', { timeout: TIMEOUT_MS }, async () => {
      await using pair = await Pair.start(major);
      const { nextXid } = await pair.promote();
      const connection = await pair.connect();
      try {
        const seen = await new RecoveryWatch(connection).look();
        assert.deepEqual([seen.inRecovery, seen.nextXid], [false, nextXid]);
        await using watch = new Watch(pair, 'fence');
        assert.equal(await watch.awaitEnd(), undefined);
        assert.equal(watch.guard.ended, undefined);
        assert.equal(watch.ends, 0);
      } finally {
        await connection.close();
      }
    });
  });
}

test('a checkpoint that a primary wrote when it came back from a crash is not taken for that of a shutdown', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using pair = await Pair.start(18);
  await using watch = new Watch(pair, 'fence');
  await untilHeard(pair, watch);
  await pair.primary.stop('immediate');
  await pair.primary.start();
  await pair.primary.waitForReplay(pair.standby);
  await watch.untilLooking();
  await pair.promote('immediate');
  const { isUnheard } = await endingOf(await watch.untilEnded());
  assert.equal(isUnheard, true);
});

/** Halts the guard's session as soon as the guard begins to raise the fence, and lets it go on when told to. */
async function haltedFence(pair: Pair): Promise<{ readonly watch: Watch; readonly goOn: () => void }> {
  let backend = 0;
  const watch = new Watch(pair, 'fence', (event) => {
    if (event === 'recovery_ended') {
      process.kill(backend, 'SIGSTOP');
    }
  });
  await watch.untilLooking();
  backend = await watch.backend();
  return { watch, goOn: () => process.kill(backend, 'SIGCONT') };
}

describe('whoever hands over waits for the watch', { timeout: 480_000 }, () => {
  test('until the fence stands', { timeout: TIMEOUT_MS }, async () => {
    await using pair = await Pair.start(18);
    const { watch, goOn } = await haltedFence(pair);
    await using _ = watch;
    await pair.promote();
    await waitUntil(() => watch.events.includes('recovery_ended'), { describe: 'the end of recovery' });
    const waiting = watch.awaitEnd();
    assert.equal(watch.guard.ended, undefined);
    goOn();
    const ended = await waiting;
    assert.equal(ended?.passes.length, 1);
    assert.equal(ended, watch.guard.ended);
  });

  test('not longer than is agreed, and has what it saw last, so that the fence can be raised by another', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using pair = await Pair.start(18);
    const { watch, goOn } = await haltedFence(pair);
    await using _ = watch;
    const { nextXid } = await pair.promote();
    await waitUntil(() => watch.events.includes('recovery_ended'), { describe: 'the end of recovery' });
    const started = systemClock.monotonicMs();
    const ended = await watch.awaitEnd();
    assert.ok(systemClock.monotonicMs() - started >= HAND_OFF_GUARD_MS + HAND_OFF_FENCE_MS);
    assert.deepEqual(ended?.passes, []);
    assert.equal(ended?.baseline.nextXid, nextXid);
    assert.equal(watch.events.at(-1), 'fence_overdue');
    goOn();
    assert.equal((await watch.untilEnded()).passes.length, 1);
  });

  test('and not at all when it never saw the server in recovery', { timeout: TIMEOUT_MS }, async () => {
    await using pair = await Pair.start(18);
    await pair.promote();
    await using watch = new Watch(pair, 'fence');
    assert.equal(await watch.awaitEnd(), undefined);
    assert.deepEqual(watch.events, []);
  });
});
