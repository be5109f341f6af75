import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  emptyLine,
  isPlaceholder,
  type Lsn,
  lsn,
  type SlotState,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { type EndedRecovery, handOff, readOwnHistory } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import {
  connectPostgres,
  observePrimary,
  type PostgresConnection,
  readTimelineHistory,
} from '@slotcast/postgres';
import { type PostgresMajor, type TakenWalsender, takeWalsenders, waitUntil } from '@slotcast/testkit';
import { alone } from './plans.ts';
import { createSlots, optionsFor, Pair, ROLE, watchEnd } from './promoted-servers.ts';
import { confirmedAt, knowledgeOfEvents } from './published-slots.ts';

const TIMEOUT_MS = 180_000;
/** Of the server: one for the standby on the primary, and some. */
const SETTINGS = { max_wal_senders: '3', log_connections: 'on' };
const TOO_MANY = { code: '53300' };
const { signal } = new AbortController();
const logger = createLogger({ level: 'silent', fields: {} });

/** Watches the promotion of a standby whose primary died in the middle of a record. */
async function watchPromotion(pair: Pair): Promise<EndedRecovery> {
  const postgres = optionsFor(pair.standby, { applicationName: 'guard' });
  return await watchEnd({ postgres, onDivergence: 'quarantine', line: () => emptyLine }, async () => {
    const asked = /replication connection authorized: .*application_name=guard/;
    await waitUntil(async () => asked.test(await pair.standby.log()), { describe: 'the guard to ask' });
    await pair.standby.waitFor(
      `select from pg_stat_activity where application_name = 'guard' and backend_type = 'walsender'`,
      (rows) => rows.length === 0,
    );
    await dieWithinRecord(pair);
    await pair.standby.promote();
  });
}

async function dieWithinRecord({ primary }: Pair): Promise<void> {
  const before = await primary.currentLsn();
  const writer = await connectPostgres({ url: primary.url(), applicationName: 'writer' });
  const text = `do $$ begin loop perform pg_logical_emit_message(false, 'test', repeat('x', 500000)); end loop; end $$`;
  const died = assert.rejects(writer.run({ text }));
  await primary.waitFor(
    `select from (select) as server where pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '${before}') > 5000000`,
    (rows) => rows.length === 1,
  );
  await primary.kill();
  await died;
}

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`a promoted PostgreSQL ${major} whose walsenders are all taken`, { timeout: 180_000 }, () => {
    let pair: Pair;
    /** Open since before the promotion. */
    let walsender: PostgresConnection;
    let ended: EndedRecovery;
    /** As the server itself tells it. */
    let told: TimelineHistory;
    let switchLsn: Lsn;
    let crowd: readonly TakenWalsender[] = [];

    before(async () => {
      pair = await Pair.start(major, SETTINGS);
      await createSlots(pair, ['moves', 'ahead']);
      walsender = await connectPostgres(optionsFor(pair.standby, { replication: true }));
      ended = await watchPromotion(pair);
      told = await readTimelineHistory(walsender, timeline(2), signal);
      switchLsn = told.ancestors[0]?.switchLsn ?? assert.fail('no switch point');
      crowd = await takeWalsenders(pair.standby.url('postgres', ROLE));
    });

    after(async () => {
      await Promise.all([walsender, ...crowd].map((each) => each?.close()));
      await pair?.[Symbol.asyncDispose]();
    });

    /** The slots of consumers that are at the switch point and beyond it, on a server that cannot make the second one safe. */
    async function handOver(sources: { ended?: EndedRecovery; walsender?: PostgresConnection }) {
      const events = [confirmedAt('moves', switchLsn), confirmedAt('ahead', lsn(switchLsn + 100n))];
      return await handOff({
        postgres: optionsFor(pair.standby),
        knowledge: {
          ...knowledgeOfEvents(events),
          publishedOn: (history) => {
            assert.deepEqual(history, { timeline: 1, ancestors: [] });
            return knowledgeOfEvents(events).publishedOn(history);
          },
        },
        slotsBefore: undefined,
        lease: alone,
        ended: sources.ended,
        walsender: sources.walsender,
        onDivergence: 'quarantine',
        wanted: () => true,
        drain: () => Promise.resolve(),
        clock: systemClock,
        logger,
        signal,
      });
    }

    async function slots(): Promise<ReadonlyMap<string, SlotState>> {
      const connection = await pair.connect();
      try {
        const seen = await observePrimary(connection);
        assert.ok(!seen.inRecovery);
        return new Map(seen.slots.map((slot) => [slot.name, slot]));
      } finally {
        await connection.close();
      }
    }

    test('was left where the watch saw it, though the last record of its primary was not whole', () => {
      assert.deepEqual(ended.history, told);
    });

    test('is not touched when nobody can tell its line of descent', { timeout: TIMEOUT_MS }, async () => {
      const earlier = await slots();
      await assert.rejects(handOver({}), TOO_MANY);
      assert.deepEqual(await slots(), earlier);
    });

    test('has its slots moved and quarantined by what was seen of its promotion', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const outcome = await handOver({ ended });
      assert.equal(outcome?.promotion.switchLsn, switchLsn);
      assert.equal((await slots()).get('moves')?.confirmedFlushLsn, switchLsn);
      assert.deepEqual(
        outcome.promotion.ahead.map((entry) => [entry.slot, entry.outcome]),
        [['ahead', 'quarantined']],
      );
      assert.ok(isPlaceholder((await slots()).get('ahead')));
    });

    test('tells its line of descent in a session that has been open since before', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const sources = { postgres: optionsFor(pair.standby), ended: undefined, logger, signal };
      assert.deepEqual(
        await readOwnHistory({ timeline: told.timeline, serverStartedAt: 0 }, { ...sources, walsender }),
        told,
      );
      assert.ok((await handOver({ walsender }))?.promotion);
    });
  });
}
