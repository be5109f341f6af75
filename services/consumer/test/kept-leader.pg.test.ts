import assert from 'node:assert/strict';
import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder, waitUntil } from '@slotcast/testkit';
import { MovedSlots } from './moved-slots.ts';
import { APPLICATION, type WorkedOptions, WorkedStandby } from './worked-standby.ts';

const MIB = 1024n * 1024n;
const timeout = 60_000;
/** Their subscribers move, and so they are made anew. */
const MOVED = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
/** They are made anew later. */
const LATER = ['b1', 'b2', 'b3'];
const ALL = [...MOVED, ...LATER];
const WAL_MIB = 24;

/** A standby on which some slots were just made anew from a leading one, which has stayed. */
async function afterWave(
  options: Partial<WorkedOptions> & {
    readonly servers?: MovedSlots;
    readonly plugin?: string;
  } = {},
): Promise<WorkedStandby> {
  const { plugin = 'test_decoding', servers = await MovedSlots.start(18, {}), ...rest } = options;
  const slots = Object.fromEntries(ALL.map((name) => [name, plugin]));
  const standby = await WorkedStandby.start(servers, { slots, restartGapBytes: MIB, ...rest });
  try {
    const position = await standby.write(WAL_MIB);
    await standby.move(ALL, position);
    standby.want(MOVED, position);
    await untilRemade(standby, MOVED.length);
    return standby;
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilRemade(standby: WorkedStandby, count: number): Promise<void> {
  await waitUntil(async () => (await standby.remade()) === count, {
    describe: `${count} slots to be made anew`,
    timeoutMs: 30_000,
  });
}

test('a plugin that was removed while the leading slot stayed costs no slot its name', {
  timeout,
}, async () => {
  const folder = await temporaryFolder('plugins');
  await chmod(folder, 0o755);
  const library = join(folder, 'my_plugin.so');
  try {
    const servers = await MovedSlots.start(18, { dynamic_library_path: `$libdir:${folder}` });
    const [config] = await servers.primary.query<{ directory: string }>(
      "select setting as directory from pg_config where name = 'PKGLIBDIR'",
    );
    await copyFile(join(config?.directory ?? '', 'test_decoding.so'), library);
    await chmod(library, 0o755);
    await using standby = await afterWave({ servers, plugin: 'my_plugin' });
    await rename(library, `${library}.away`);
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
    await rename(`${library}.away`, library);
    await untilRemade(standby, ALL.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
