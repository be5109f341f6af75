import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeadingSlot, parseSlotName } from '@slotcast/domain';
import { createLogger } from '@slotcast/observability';
import { PluginFolder, waitUntil } from '@slotcast/testkit';
import { MovedSlots } from '../moves/moved-slots.ts';
import { SkippingClock } from '../skipping-clock.ts';
import { APPLICATION, type WorkedOptions, WorkedStandby } from '../worked-standby.ts';

const MIB = 1024n * 1024n;
const timeout = 180_000;
/** Their subscribers move, and so they are made anew. */
const MOVED = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
/** They are made anew later. */
const LATER = ['b1', 'b2', 'b3'];
const NEW = parseSlotName('new');
const ALL = [...MOVED, ...LATER];
const WAL_MIB = 24;
/** For a few looks at the slots. */
const STAYS_MS = 1000;
/** After that without use the leading slot goes, and sessions are closed. */
const MINUTE_MS = 61_000;

type Options = Partial<WorkedOptions> & { readonly servers?: MovedSlots; readonly plugin?: string };

async function start(options: Options): Promise<WorkedStandby> {
  const { plugin = 'test_decoding', servers = await MovedSlots.start(18, {}), ...rest } = options;
  const slots = Object.fromEntries(ALL.map((name) => [name, plugin]));
  const led = { restartGapBytes: MIB, newLeaderMs: Number.POSITIVE_INFINITY };
  return WorkedStandby.start(servers, { slots, ...led, ...rest });
}

/** A standby on which some slots were just made anew from a leading one, which has stayed. */
async function afterWave(options: Options = {}): Promise<WorkedStandby> {
  const standby = await start(options);
  try {
    await makeAnew(standby);
    return standby;
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
}

async function makeAnew(standby: WorkedStandby): Promise<void> {
  const position = await standby.write(WAL_MIB);
  await standby.move(ALL, position);
  standby.want(MOVED, position);
  await untilRemade(standby, MOVED.length);
}

async function untilNoLeader(standby: WorkedStandby): Promise<void> {
  await waitUntil(async () => !(await standby.names()).some(isLeadingSlot), {
    describe: 'no leading slot to be left',
  });
}

async function untilRemade(standby: WorkedStandby, count: number): Promise<void> {
  await waitUntil(async () => (await standby.done('remake')) === count, {
    describe: `${count} slots to be made anew`,
    timeoutMs: 30_000,
  });
}

test('the leading slot that has stayed gives its place to a slot that is to be made', {
  timeout,
}, async () => {
  await using standby = await afterWave();
  await sleep(STAYS_MS);
  assert.ok((await standby.names()).some(isLeadingSlot), 'it did not stay');
  standby.plans({ slot: NEW, state: 'blocked', reasons: [], lacksPlace: true });
  await untilNoLeader(standby);
});

test('the leading slot that has stayed gives its place to the next one', { timeout }, async () => {
  const maxReplicationSlots = ALL.length + 2;
  await using standby = await afterWave({ maxReplicationSlots });
  // It serves this one still, so it stays.
  standby.want(LATER, (await standby.servers.positions('b1')).restart);
  const position = await standby.write(WAL_MIB);
  await standby.move(MOVED, position);
  standby.want(MOVED, position);
  await untilRemade(standby, 2 * MOVED.length);
  assert.ok(standby.most < maxReplicationSlots, 'no place was left for a slot that is dropped');
});

test('no leading slot is made in the place of a slot that is to be made', { timeout }, async () => {
  await using standby = await start({ maxReplicationSlots: ALL.length + 2 });
  const action = {
    kind: 'probe',
    slot: NEW,
    database: { name: 'shop', oid: 1 },
    plugin: '',
    under: '',
  } as const;
  standby.plans({ slot: NEW, state: 'catching_up', reasons: [], action });
  const position = await standby.write(WAL_MIB);
  await standby.move(MOVED, position);
  standby.want(MOVED, position);
  await waitUntil(async () => (await standby.done('restart_advance')) > 0, { describe: 'an advance' });
  assert.equal(standby.most, ALL.length);
});

test('the leading slot goes with a consumer that ends after a wave that took long', { timeout }, async () => {
  const clock = new SkippingClock();
  let isSkipped = false;
  const onLook = (names: readonly string[]): void => {
    if (!isSkipped && names.some(isLeadingSlot)) {
      isSkipped = true;
      clock.skip(MINUTE_MS);
    }
  };
  await using standby = await afterWave({ clock, onLook });
  await sleep(STAYS_MS);
  assert.ok((await standby.names()).some(isLeadingSlot), 'it did not stay');
  await standby.close();
  assert.deepEqual((await standby.names()).filter(isLeadingSlot), []);
});

test('a consumer that ends says nothing of a leading slot that is gone', { timeout }, async () => {
  const clock = new SkippingClock();
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', fields: {}, stream: { write: (line) => lines.push(line) } });
  await using standby = await afterWave({ clock, logger });
  const sessions = `select from pg_stat_activity where application_name = '${APPLICATION}'`;
  await waitUntil(
    async () => {
      clock.skip(MINUTE_MS);
      return (await standby.servers.standby.query(sessions)).length === 0;
    },
    { describe: 'idle sessions to be closed', intervalMs: STAYS_MS },
  );
  await untilNoLeader(standby);
  await sleep(STAYS_MS);
  const said = lines.length;
  await standby.close();
  assert.deepEqual(lines.slice(said), []);
});

test('a consumer that drops the leading slot at its end does that once', { timeout }, async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', fields: {}, stream: { write: (line) => lines.push(line) } });
  await using standby = await afterWave({ logger });
  const said = lines.length;
  await standby.close();
  assert.deepEqual((await standby.names()).filter(isLeadingSlot), []);
  await standby.close();
  assert.deepEqual(lines.slice(said), []);
});

test('a consumer that ends late leaves the leading slot of its successor alone', { timeout }, async () => {
  await using standby = await afterWave();
  const successor = await standby.succeed();
  await untilNoLeader(successor);
  await makeAnew(successor);
  await standby.close();
  assert.equal((await standby.names()).filter(isLeadingSlot).length, 1);
});

test('a plugin that was removed while the leading slot stayed costs no slot its name', {
  timeout,
}, async () => {
  await using plugins = await PluginFolder.create();
  const servers = await MovedSlots.start(18, plugins.settings);
  await plugins.install(servers.primary);
  const away = `${plugins.library}.away`;
  await using standby = await afterWave({ servers, plugin: 'my_plugin' });
  await rename(plugins.library, away);
  const { position, time } = await standby.now();
  standby.want(LATER, position);
  // Whatever comes of it.
  await servers.standby.waitFor<{ query: string }>(
    `select query from pg_stat_activity
      where application_name = '${APPLICATION}' and state = 'idle' and query_start > '${time}'
        and query ~ 'pg_copy_logical_replication_slot'`,
    (rows) => rows.length > 0,
  );
  const here = await standby.names();
  assert.deepEqual(
    ALL.filter((name) => !here.includes(name)),
    [],
  );
  await rename(away, plugins.library);
  await untilRemade(standby, ALL.length);
});
