import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lsn } from '@slotcast/domain';
import { waitUntil } from '@slotcast/testkit';
import { MovedSlots } from '../moves/moved-slots.ts';
import { WorkedStandby } from '../worked-standby.ts';

const NAMES = ['app1', 'app2', 'app3', 'app4', 'app5', 'app6'];
const MIB = 1024n * 1024n;

/** Rows with records from which decoding can start, replayed by the standby. */
async function writeMuch(servers: MovedSlots): Promise<Lsn> {
  await servers.primary.query('create table filler (note text)');
  for (let part = 0; part < 30; part += 1) {
    await servers.primary.query(
      "insert into filler (note) select repeat('x', 2000) from generate_series(1, 2000)",
    );
    await servers.primary.query('select pg_log_standby_snapshot()');
  }
  return await servers.write();
}

test('slots are made anew, too, when more has to be decoded for the leading slot than one statement may', {
  timeout: 180_000,
}, async () => {
  const slots = Object.fromEntries(NAMES.map((name) => [name, 'test_decoding']));
  const servers = await MovedSlots.start(18, {});
  await using standby = await WorkedStandby.start(servers, {
    slots,
    restartGapBytes: MIB,
    newLeaderMs: Number.POSITIVE_INFINITY,
    waveLimits: { decodeMs: 30 },
  });
  const at = await writeMuch(servers);
  await standby.move(NAMES, at);
  const { restart } = await servers.positions('app1');
  standby.want(NAMES, at);
  await waitUntil(async () => (await standby.done('remake')) >= NAMES.length, {
    describe: 'slots to be made anew',
  });
  for (const name of NAMES) {
    const now = await servers.positions(name);
    assert.ok(now.restart - restart > 64n * MIB && now.confirmed <= at, name);
  }
});
