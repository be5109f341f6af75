import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkPreconditions } from '@slotcast/domain';
import {
  connectPostgres,
  identifySystem,
  type PostgresConnection,
  readPreconditions,
} from '@slotcast/postgres';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';

const PASSWORD = 'only for this test';
const TIMEOUT_MS = 180_000;

/** The first block of code after `heading` on a page. */
function blockAfter(page: string, heading: string): string {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const start = text.indexOf(heading);
  assert.notEqual(start, -1, `${page} has no ${heading}`);
  return /```[a-z]*\n([\s\S]*?)```/.exec(text.slice(start))?.[1] ?? '';
}

function withoutComments(block: string): string {
  return block
    .split('\n')
    .map((line) => line.replace(/(--|#).*$/, '').replaceAll(/ +/g, ' '))
    .filter((line) => line.trim() !== '')
    .join('\n');
}

const roleSql = withoutComments(blockAfter('README.md', '**2. A role**'));
const hostLine = withoutComments(blockAfter('README.md', '**3. `pg_hba.conf`**'));

/** Takes a restart, as the end of a reload cannot be seen. */
async function admit(server: PostgresServer, line: string): Promise<void> {
  const superuser = 'host all postgres 127.0.0.1/32 trust';
  writeFileSync(join(server.dataFolder, 'pg_hba.conf'), `${superuser}\n${line}\n`);
  await server.restart();
}

async function asSlotcast<T>(
  server: PostgresServer,
  replication: boolean,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  const url = `postgresql://slotcast:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/postgres`;
  const connection = await connectPostgres({ url, applicationName: 'slotcast-test', replication });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

describe('the deployment that the README describes', { timeout: 180_000 }, () => {
  let primary: PostgresServer;

  before(async () => {
    primary = await startPrimary({ major: 18 });
    await primary.query(roleSql.replace("'…'", `'${PASSWORD}'`));
  });

  after(() => primary?.[Symbol.asyncDispose]());

  test('is the same on the page about deployment', () => {
    const page = 'docs/operating/deployment.md';
    assert.equal(withoutComments(blockAfter(page, '### Role')), roleSql);
    assert.equal(withoutComments(blockAfter(page, '### pg_hba.conf')), hostLine);
  });

  test('makes a role that lacks nothing', { timeout: TIMEOUT_MS }, async () => {
    await admit(primary, hostLine);
    const facts = await asSlotcast(primary, false, readPreconditions);
    assert.deepEqual(checkPreconditions(facts, 'publisher'), []);
    assert.deepEqual(checkPreconditions(facts, 'consumer'), []);
  });

  test('admits its walsender sessions by the name of the database', { timeout: TIMEOUT_MS }, async () => {
    await admit(primary, hostLine);
    const { database } = await asSlotcast(primary, true, identifySystem);
    assert.equal(database, 'postgres');
  });

  test('would not admit them by the keyword replication', { timeout: TIMEOUT_MS }, async () => {
    await admit(primary, hostLine.replace(' all ', ' replication '));
    await assert.rejects(asSlotcast(primary, true, identifySystem), { code: '28000' });
  });
});
