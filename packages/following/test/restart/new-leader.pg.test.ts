import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLeadingSlot } from '@slotcast/domain';
import { DecodingBudget } from '@slotcast/following';
import { systemClock } from '@slotcast/kernel';
import { connectPostgres } from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import { MovedSlots } from '../moves/moved-slots.ts';
import { type WorkedOptions, WorkedStandby } from '../worked-standby.ts';

const MIB = 1024n * 1024n;
const NAMES = ['a1', 'a2', 'a3', 'a4'];
const WAL_MIB = 24;

class CountingBudget extends DecodingBudget {
  decodes = 0;

  override decode<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    this.decodes += 1;
    return super.decode(bytes, work);
  }
}

async function start(options: Partial<WorkedOptions>): Promise<WorkedStandby> {
  const slots = Object.fromEntries(NAMES.map((name) => [name, 'test_decoding']));
  const servers = await MovedSlots.start(18, {});
  return WorkedStandby.start(servers, { slots, restartGapBytes: MIB, newLeaderMs: 0, ...options });
}

async function untilRemade(standby: WorkedStandby): Promise<void> {
  await waitUntil(async () => (await standby.done('remake')) === NAMES.length, {
    describe: 'all slots to be made anew',
    timeoutMs: 30_000,
  });
}

test('slots that are far behind are made anew from a new leading slot once they are where it starts, and nothing is decoded', {
  timeout: 180_000,
}, async () => {
  const budget = new CountingBudget(0.25, systemClock);
  await using standby = await start({ budget });
  const position = await standby.write(WAL_MIB);
  await standby.move(NAMES, position);
  standby.want(NAMES, position);
  await waitUntil(async () => (await standby.names()).some(isLeadingSlot), {
    describe: 'a new leading slot',
  });
  assert.equal(await standby.done('remake'), 0, 'no slot stands where it starts');
  await standby.servers.write();
  await standby.move(NAMES, (await standby.now()).position);
  await untilRemade(standby);
  assert.equal(budget.decodes, 0);
  assert.equal(await standby.done('restart_advance'), 0);
});

test('while a transaction is open what slots lack is decoded', { timeout: 180_000 }, async () => {
  await using standby = await start({ waveLimits: { startMs: 500 } });
  const position = await standby.write(WAL_MIB);
  await standby.move(NAMES, position);
  const open = await connectPostgres({
    url: standby.servers.primary.url('postgres'),
    applicationName: 'slotcast-test',
  });
  try {
    await open.run({ text: 'begin' });
    await open.run({ text: 'select pg_current_xact_id()' });
    standby.want(NAMES, position);
    await untilRemade(standby);
  } finally {
    await open.close();
  }
});

test('a new leading slot is not used, and goes, where no slot shows that the primary holds catalog rows for it', {
  timeout: 180_000,
}, async () => {
  let isMade = false;
  await using standby = await start({
    verdict: { state: 'blocked', reasons: [], sound: true, unpinned: true },
    onLook: (names) => {
      isMade ||= names.some(isLeadingSlot);
    },
  });
  const position = await standby.write(WAL_MIB);
  await standby.move(NAMES, position);
  standby.want(NAMES, position);
  await waitUntil(() => isMade, { describe: 'a new leading slot' });
  await waitUntil(async () => !(await standby.names()).some(isLeadingSlot), {
    describe: 'no leading slot to be left',
  });
  assert.equal(await standby.done('remake'), 0);
});

test('what a slot lacks is decoded that does not come to where the new leading slot begins', {
  timeout: 180_000,
}, async () => {
  await using standby = await start({});
  const position = await standby.write(WAL_MIB);
  await standby.move(NAMES, position);
  standby.want(NAMES, position);
  await untilRemade(standby);
  const now = await standby.servers.positions('a1');
  assert.ok(now.confirmed <= position);
});
