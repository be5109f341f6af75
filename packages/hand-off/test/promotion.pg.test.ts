import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyLine, FENCE_MARGIN_BYTES, isFenced, lsn, parseLsn, type RoleEvent } from '@slotcast/domain';
import { Promotion } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { waitUntil } from '@slotcast/testkit';
import { optionsFor, Pair } from './promoted-servers.ts';
import { confirmedAt } from './published-slots.ts';

const WATCHING = `select from pg_stat_activity where application_name = 'guard' and query like '%recursive look%'`;

function promotionOf(pair: Pair): Promotion {
  return new Promotion({
    node: 's1',
    cluster: 'c',
    version: '0',
    policy: { wanted: () => true },
    onDivergence: 'fence',
    postgres: optionsFor(pair.standby, { applicationName: 'guard' }),
    logger: createLogger({ level: 'silent', fields: {} }),
    clock: systemClock,
  });
}

test('both halves of a process share one watch, which lasts as long as one of them', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18);
  const promotion = promotionOf(pair);
  const halves = [1, 2].map(() => {
    const heard: RoleEvent[] = [];
    const stop = new AbortController();
    return { heard, stop, attending: promotion.attend((event) => heard.push(event), stop.signal) };
  });
  const [first, second] = halves;
  assert.ok(first !== undefined && second !== undefined);
  await pair.standby.waitFor(WATCHING, (rows) => rows.length === 1);
  first.stop.abort();
  await first.attending;
  await pair.promote();
  await waitUntil(() => second.heard.includes('fence_stands'), { describe: 'the fence' });
  assert.deepEqual(first.heard, []);
  assert.equal(promotion.ended?.passes.length, 1);
  second.stop.abort();
  await second.attending;
  await pair.standby.waitFor(WATCHING, (rows) => rows.length === 0);
});

test('what the last session knew is the measure of the fence until the next one has read the topics', {
  timeout: 180_000,
}, async () => {
  await using pair = await Pair.start(18);
  const promotion = promotionOf(pair);
  const stop = new AbortController();
  const attending = promotion.attend(() => undefined, stop.signal);
  try {
    await pair.standby.waitFor(WATCHING, (rows) => rows.length === 1);
    const confirmed = lsn(parseLsn(await pair.standby.currentLsn()) + 2n * FENCE_MARGIN_BYTES);
    const event = confirmedAt('app1', confirmed);
    const known = { ...emptyLine, published: new Map([[event.slot, event]]) };
    for (const line of [known, undefined, undefined]) {
      promotion.follow({ line: () => line, own: () => undefined, wake: () => undefined });
    }
    await pair.promote();
    const ended = await waitUntil(() => promotion.ended, { describe: 'the fence' });
    assert.ok(isFenced(confirmed, ended.passes));
  } finally {
    stop.abort();
    await attending;
  }
});
