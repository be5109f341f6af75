import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectPostgres, isInRecovery } from '@slotcast/postgres';
import { startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE } from '../connection/open-connections.ts';

test('a session that is open at the promotion of its server sees recovery end', {
  timeout: 180_000,
}, async () => {
  await using primary = await startPrimary({ major: 18 });
  await primary.createRole(ROLE);
  const standby = await primary.addStandby({ name: 'standby' });
  const connection = await connectPostgres(optionsFor(standby));
  try {
    assert.equal(await isInRecovery(connection), true);
    await standby.query('select pg_promote()');
    assert.equal(await isInRecovery(connection), false);
  } finally {
    await connection.close();
  }
});
