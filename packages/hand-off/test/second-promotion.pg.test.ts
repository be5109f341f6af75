import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { emptyLine, isLogical, type Lsn, lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import { type EndedRecovery, type HandOffOptions, type HandOffOutcome, handOff } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { connectPostgres, readTimelineHistory, readWalEnd } from '@slotcast/postgres';
import { type PostgresMajor } from '@slotcast/testkit';
import { alone } from './plans.ts';
import { createSlots, optionsFor, Pair, SWITCHER, untilSeen, watchEnd } from './promoted-servers.ts';
import { confirmedAt, knowledgeOfEvents } from './published-slots.ts';

const FAR_BYTES = 64n * 1024n * 1024n;
const AHEAD = parseSlotName('ahead');
const PLAIN = parseSlotName('plain');
const { signal } = new AbortController();
const logger = createLogger({ level: 'silent', fields: {} });

function postgresOf(pair: Pair, more: { replication?: true } = {}) {
  return optionsFor(pair.standby, {
    url: pair.standby.url('postgres', SWITCHER),
    applicationName: 'guard',
    ...more,
  });
}

/** Promotes the standby under a guard that raises the fence far, and leaves with what that saw. */
async function promoteWatched(pair: Pair): Promise<EndedRecovery> {
  const far = lsn(parseLsn(await pair.primary.currentLsn()) + FAR_BYTES);
  const line = () => ({ ...emptyLine, published: new Map([[AHEAD, confirmedAt(AHEAD, far)]]) });
  const ended = await watchEnd({ postgres: postgresOf(pair), onDivergence: 'fence', line }, async () => {
    await untilSeen(pair.standby);
    await pair.standby.promote();
  });
  assert.equal(ended.passes[0]?.clean, true);
  return ended;
}

/** The hand-off of a slot whose subscriber was ahead of the standby, by a process that had seen a promotion. */
async function handOver(
  pair: Pair,
  ended: EndedRecovery,
  known: Partial<HandOffOptions['knowledge']> = {},
): Promise<HandOffOutcome | undefined> {
  const event = confirmedAt(AHEAD, lsn((await switchOf(pair)) + 100n));
  return await handOff({
    postgres: postgresOf(pair),
    knowledge: { ...knowledgeOfEvents([event]), ...known },
    slotsBefore: undefined,
    lease: alone,
    ended,
    onDivergence: 'fence',
    wanted: () => true,
    drain: () => Promise.resolve(),
    clock: systemClock,
    logger,
    signal,
  });
}

async function switchOf(pair: Pair): Promise<Lsn> {
  const walsender = await connectPostgres(postgresOf(pair, { replication: true }));
  const connection = await connectPostgres(postgresOf(pair));
  try {
    const { timeline } = await readWalEnd(connection);
    const { ancestors } = await readTimelineHistory(walsender, timeline);
    return ancestors.at(-1)?.switchLsn ?? assert.fail('the server was never promoted');
  } finally {
    await Promise.all([walsender.close(), connection.close()]);
  }
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`what was seen of a promotion of PostgreSQL ${major}`, { timeout: 480_000 }, () => {
    let pair: Pair;
    let ended: EndedRecovery;

    before(async () => {
      pair = await Pair.start(major);
      await createSlots(pair, [AHEAD, PLAIN]);
      ended = await promoteWatched(pair);
      await pair.standby.query('insert into numbered values (1)');
    });

    after(async () => {
      await pair?.[Symbol.asyncDispose]();
    });

    test('is believed after a crash, as far as its WAL had been flushed', { timeout: 180_000 }, async () => {
      await pair.standby.kill();
      await pair.standby.start();
      const outcome = await handOver(pair, ended);
      assert.deepEqual(
        outcome?.promotion.ahead.map(({ outcome: of }) => of),
        ['fenced'],
      );
    });

    test('a copy that was not two_phase again yet gets that before it is moved, and counts as safe from then on', {
      timeout: 180_000,
    }, async () => {
      const target = await switchOf(pair);
      const event = confirmedAt(PLAIN, target);
      const [row] = await pair.standby.query<{ stood: string; oid: number }>(
        `select confirmed_flush_lsn::text as stood, datoid as oid from pg_replication_slots where slot_name = '${PLAIN}'`,
      );
      assert.ok(row !== undefined);
      const state = { ...event.state, twoPhase: true, databaseOid: row.oid };
      const known = knowledgeOfEvents([{ ...event, state }]);
      const highestLsn = parseLsn(row.stood);
      const owned = known.ownership.get(PLAIN) ?? assert.fail('nothing is owned');
      const ownership = new Map([[PLAIN, { ...owned, proven: false, highestLsn }]]);
      const outcome = await handOver(pair, ended, { ...known, ownership });
      assert.deepEqual([outcome?.promotion.lost, outcome?.kept.get(PLAIN)?.proven], [[], true]);
      const slot = outcome?.local.filter(isLogical).find(({ name }) => name === PLAIN);
      assert.deepEqual([slot?.twoPhase, slot?.confirmedFlushLsn], [true, target]);
      assert.ok(highestLsn < target && (major < 18 || slot?.twoPhaseAt === highestLsn));
    });

    test('says nothing of another promotion, to a timeline of the same number', {
      timeout: 180_000,
    }, async () => {
      await pair.standby.recloneFrom(pair.primary);
      await createSlots(pair, [AHEAD]);
      await pair.standby.promote();
      await pair.standby.query('insert into numbered values (2)');
      assert.equal(ended.start?.timeline, 2);
      const switchLsn = await switchOf(pair);
      const reached = ended.passes[0]?.reachedLsn ?? assert.fail('no fence');
      assert.ok(switchLsn > ended.start.switchLsn && reached > switchLsn + 100n);
      // On record from then, under the same number.
      const earlier = { ...ended.start, fencedLsn: reached, ahead: [], lost: [], time: 0 };
      const outcome = await handOver(pair, ended, { earlier });
      assert.deepEqual(
        outcome?.promotion.ahead.map(({ outcome: of }) => of),
        ['quarantined'],
      );
    });
  });
}
