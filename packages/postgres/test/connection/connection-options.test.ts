import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { clientConfig } from '@slotcast/postgres';

const TIMEOUT_MS = 5000;
const applicationName = 'slotcast-publisher';

/** Whether the settings that only some versions have are among the options. */
function versionedOptions(major?: number): boolean[] {
  const { options = '' } = clientConfig({ applicationName, major });
  return ['idle_session_timeout', 'transaction_timeout'].map((name) => options.includes(`-c ${name}=0`));
}

describe('connection options', { timeout: TIMEOUT_MS }, () => {
  beforeEach(() => {
    process.env['PGHOST'] = '127.0.0.1';
  });
  afterEach(() => {
    delete process.env['PGHOST'];
    delete process.env['PGUSER'];
    delete process.env['PGOPTIONS'];
    delete process.env['PGCONNECT_TIMEOUT'];
  });

  test('what the URL leaves out comes from the environment', () => {
    process.env['PGUSER'] = 'slotcast';
    const config = clientConfig({ url: 'postgres://db1.example', applicationName });
    assert.deepEqual([config.host, config.port, config.user], ['db1.example', 5432, 'slotcast']);
    assert.equal(config.database, 'slotcast');
  });

  test('the database that is asked for replaces the one of the URL, whatever its name', () => {
    const config = clientConfig({ url: 'postgres://db1/main', database: 'a/b?c', applicationName });
    assert.equal(config.database, 'a/b?c');
  });

  test('the options of the URL or of PGOPTIONS come before those that every session has, which win', () => {
    process.env['PGOPTIONS'] = '-c geqo=off';
    assert.match(clientConfig({ applicationName }).options ?? '', /^-c geqo=off -c search_path=pg_catalog /);
    const url = 'postgres://db1/main?options=-c%20work_mem%3D1MB';
    const { options = '' } = clientConfig({ url, applicationName });
    assert.match(options, /^-c work_mem=1MB -c search_path=pg_catalog /);
    assert.match(options, / -c default_transaction_isolation=read\\ committed /);
    assert.match(options, / -c statement_timeout=0$/);
  });

  test('what only some servers know is an option once the version is known', () => {
    assert.deepEqual(versionedOptions(), [false, false]);
    assert.deepEqual(versionedOptions(13), [false, false]);
    assert.deepEqual(versionedOptions(16), [true, false]);
    assert.deepEqual(versionedOptions(17), [true, true]);
  });

  test('the time to connect comes from the caller, or PGCONNECT_TIMEOUT in seconds, or is 10 s', () => {
    assert.equal(clientConfig({ applicationName }).connectionTimeoutMillis, 10_000);
    process.env['PGCONNECT_TIMEOUT'] = '3';
    assert.equal(clientConfig({ applicationName }).connectionTimeoutMillis, 3000);
    assert.equal(clientConfig({ applicationName, connectTimeoutMs: 70 }).connectionTimeoutMillis, 70);
  });
});
