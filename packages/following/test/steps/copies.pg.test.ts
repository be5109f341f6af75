import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { lsn, parseSlotName } from '@slotcast/domain';
import { Copies, type CopyAction } from '@slotcast/following';
import { createLogger } from '@slotcast/observability';
import { DatabaseSessions } from '@slotcast/postgres';
import { MovedSlots, ROLE } from '../moves/moved-slots.ts';

const FEW = 45;

describe('copies of the temporary slot of a database', { timeout: 180_000 }, () => {
  let slots: MovedSlots;
  let sessions: DatabaseSessions;
  const stop = new AbortController();

  before(async () => {
    slots = await MovedSlots.start(18, { max_replication_slots: '100' });
    sessions = new DatabaseSessions(
      { url: slots.standby.url('postgres', ROLE), applicationName: 'slotcast-test' },
      () => {},
      stop.signal,
    );
    // It need not be temporary to be copied.
    await slots.create('shop', { source: 'test_decoding' });
  });

  after(async () => {
    await sessions?.close();
    await slots?.[Symbol.asyncDispose]();
  });

  /** Makes the copies; says which were made and which were not, and how many were left. */
  async function run(actions: readonly CopyAction[], hasTime: () => boolean) {
    const made: string[] = [];
    const failed: string[] = [];
    const copies = new Copies({
      sessions,
      creations: { probeSlot: (database) => ({ name: 'source', database }) },
      onMade: (slot) => made.push(slot),
      onFailure: (slot, error) => failed.push(`${slot}: ${error instanceof Error ? error.message : ''}`),
      logger: createLogger({ level: 'silent', fields: {} }),
      signal: stop.signal,
    });
    const left = await copies.run(actions, hasTime);
    return { made, failed, left };
  }

  function copyOf(name: string, plugin = 'test_decoding'): CopyAction {
    const { database } = slots.action('shop', name, plugin, lsn(1n));
    return { kind: 'copy', slot: parseSlotName(name), database, plugin };
  }

  async function here(prefix: string): Promise<string[]> {
    const rows = await slots.standby.query<{ slot_name: string }>(
      `select slot_name::text from pg_replication_slots
        where slot_name ^@ $1 and database = 'shop' and confirmed_flush_lsn is not null order by 1`,
      [prefix],
    );
    return rows.map(({ slot_name }) => slot_name);
  }

  test('a bad one stops only itself, and the rest are there whether they come before it or after', async () => {
    const bad = copyOf('few_20', 'no_such_plugin');
    const names = Array.from({ length: FEW }, (_, index) => `few_${10 + index}`);
    const actions = names.map((name) => (name === 'few_20' ? bad : copyOf(name)));
    const { made, failed, left } = await run(actions, () => true);
    const rest = names.filter((name) => name !== 'few_20');
    assert.deepEqual(made.toSorted(), rest);
    assert.deepEqual(await here('few_'), rest);
    assert.equal(failed.length, 1);
    assert.match(failed[0] ?? '', /^few_20: .*no_such_plugin/);
    assert.equal(left, 0);
  });

  test('without time some are made, and the rest are left for the next round', async () => {
    const actions = Array.from({ length: 30 }, (_, index) => copyOf(`late_${10 + index}`));
    const { made, left } = await run(actions, () => false);
    assert.ok(made.length > 0 && left > 0);
    assert.equal(made.length + left, actions.length);
    assert.equal((await here('late_')).length, made.length);
  });
});
