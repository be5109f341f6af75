import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { lsn, parseSlotName } from '@slotcast/domain';
import {
  connectPostgres,
  copySlot,
  copySlots,
  createLogicalSlot,
  createPhysicalSlot,
  createTemporarySlot,
  findLoadFailure,
  type PostgresConnection,
  PromotedServerError,
  remakeSlot,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;
const plugin = 'test_decoding';
const source = parseSlotName('source');
const onStandbyOnly = true;

type Statement = (connection: PostgresConnection) => Promise<unknown>;

/** All that a consumer makes slots with. */
const STATEMENTS: readonly { readonly of: string; readonly make: Statement }[] = [
  {
    of: 'a probe or an anchor',
    make: (on) => createTemporarySlot(on, { name: 'made', plugin, onStandbyOnly }),
  },
  {
    of: 'a slot under its real name',
    make: (on) => createLogicalSlot(on, { name: 'made', plugin, twoPhase: true, onStandbyOnly }),
  },
  {
    of: 'a leading slot, or a slot that is made again from one',
    make: (on) => copySlot(on, { source, target: 'made', plugin }),
  },
  {
    of: 'copies of a probe',
    make: (on) =>
      copySlots(on, {
        source,
        targets: ['made', 'too'].map((name) => ({ slot: parseSlotName(name), plugin })),
      }),
  },
  {
    of: 'a physical slot',
    make: (on) => createPhysicalSlot(on, 'made'),
  },
  {
    of: 'a copy to load a plugin',
    make: (on) => findLoadFailure(on, { source, copy: 'made', plugin }),
  },
];

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`on a server of PostgreSQL ${major} that is not in recovery`, { timeout: TIMEOUT_MS }, () => {
    let server: PostgresServer;
    let connection: PostgresConnection;

    before(async () => {
      server = await startPrimary({ major });
      await server.createRole(ROLE);
      connection = await connectPostgres(optionsFor(server));
      await createLogicalSlot(connection, { name: source, plugin, twoPhase: false });
    });

    after(async () => {
      await connection?.close();
      await server?.[Symbol.asyncDispose]();
    });

    async function names(): Promise<string[]> {
      const rows = await server.query<{ name: string }>(
        'select slot_name::text as name from pg_replication_slots order by 1',
      );
      return rows.map(({ name }) => name);
    }

    for (const { of, make } of STATEMENTS) {
      test(`the statement for ${of} makes nothing, and says why`, { timeout: TIMEOUT_MS }, async () => {
        await assert.rejects(make(connection), (error) => {
          assert.ok(error instanceof PromotedServerError, String(error));
          assert.match(error.message, /replication slot made.*no standby any more/);
          return true;
        });
        assert.deepEqual(await names(), [source]);
      });
    }

    test('the statement that makes a slot anew touches nothing, and says why', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const wanted = { slot: source, leader: source, plugin, confirmed: lsn(2n ** 62n) };
      const outcome = await remakeSlot(connection, wanted, TIMEOUT_MS);
      assert.ok(outcome.kind === 'refused');
      assert.match(outcome.reason, /no standby any more/);
      assert.deepEqual(await names(), [source]);
    });

    test('who hands slots over makes what it says', { timeout: TIMEOUT_MS }, async () => {
      await copySlot(connection, { source, target: 'restored', plugin, onPromoted: true });
      assert.deepEqual(await names(), ['restored', source]);
      await server.query(`select pg_drop_replication_slot('restored')`);
    });
  });
}
