import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'slotcast-cli-'));
after(() => rmSync(folder, { recursive: true }));

const settings = { SLOTCAST_CLUSTER: 'orders', KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };

describe('the command line', { timeout: 240_000, concurrency: 2 }, () => {
  test('prints help on stdout and exits 0 when asked', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const command of ['publisher', 'consumer', 'topic', 'status', 'events', 'doctor', 'config']) {
      assert.match(stdout, new RegExp(`^  ${command}`, 'm'));
    }
  });

  test('prints its version', async () => {
    const { code, stdout } = await runCli(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  const misuses: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /Usage: slotcast/],
    ['an unknown command', ['publsher'], /unknown command 'publsher'[\s\S]*Did you mean publisher\?/],
    ['an unknown flag', ['events', '--folow'], /unknown option '--folow'[\s\S]*Did you mean --follow\?/],
    ['a stray argument', ['config', 'extra'], /too many arguments/],
    ['a subcommand that is missing', ['topic'], /Usage: slotcast topic/],
    ['an unknown subcommand', ['topic', 'drop'], /unknown command 'drop'/],
    ['an unknown form of output', ['events', '--output', 'xml'], /Allowed choices are text, json/],
    ['an offset that is none', ['events', '--from', '-1'], /Expected `beginning` or an offset/],
    ['a slot name that is none', ['events', '--slot', 'No!'], /1 to 63 of a-z/],
    ['a number of standbys that is none', ['status', '--require', '0'], /Expected `all` or a number/],
    ['a time without an end', ['prepare-promotion', '--timeout', '999999min'], /a time from 100ms to 4min/],
    ['a size that is too small', ['verify', '--bytes', '5'], /a size from 1MB to 1GB/],
    ['a size that is none', ['verify', '--bytes', 'much'], /a size from 1MB to 1GB/],
    ['a flag without its value', ['--config'], /argument missing/],
  ];
  for (const [what, args, message] of misuses) {
    test(`answers ${what} on stderr and exits 2`, async () => {
      const { code, stdout, stderr } = await runCli(args, { env: settings });
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    });
  }

  for (const args of [
    ['publisher'],
    ['consumer'],
    ['topic', 'check'],
    ['topic', 'create'],
    ['events'],
    ['doctor'],
    ['status'],
    ['config'],
  ]) {
    test(`"${args.join(' ')}" without settings exits 78 and names all that are missing`, async () => {
      const { code, stdout, stderr } = await runCli(args);
      assert.equal(code, 78);
      assert.equal(stdout, '');
      assert.match(stderr, /^slotcast: the configuration is invalid:\n/);
      assert.match(stderr, /^ {2}SLOTCAST_CLUSTER: missing in the environment/m);
      assert.match(stderr, /^ {2}KAFKA_BOOTSTRAP_SERVERS: missing in the environment/m);
      assert.match(stderr, /\[SC_CONFIG_INVALID\]\n$/);
    });
  }

  test('what a connection to PostgreSQL cannot have is refused with the rest, also a file that is missing', async () => {
    const url = 'postgresql://u:hunter2@db1/x?sslrootcert=/nosuch/ca.pem&target_session_attrs=primary';
    const env = { ...settings, SLOTCAST_POSTGRES_URL: url, PGREQUIREAUTH: 'scram-sha-256', PGPORT: 'x' };
    const { code, stderr } = await runCli(['config', '--service', 'consumer'], { env });
    assert.equal(code, 78);
    assert.match(stderr, /^ {2}SLOTCAST_POSTGRES_URL: target_session_attrs cannot be taken/m);
    assert.match(stderr, /^ {2}SLOTCAST_POSTGRES_URL: sslrootcert cannot be read: .*\/nosuch\/ca\.pem/m);
    assert.match(stderr, /^ {2}PGREQUIREAUTH: slotcast cannot ensure it/m);
    assert.equal(stderr.match(/PGPORT: /g)?.length, 1);
    assert.doesNotMatch(stderr, /hunter2/);
  });

  test('shows the settings in effect with their origin', async () => {
    const file = join(folder, 'settings.env');
    writeFileSync(file, 'SLOTCAST_LOG_LEVEL=debug\nKAFKA_CLIENT_ID=me\n');
    const { code, stdout } = await runCli(['config', '--config', file, '--service', 'consumer'], {
      env: { ...settings, PGHOST: '/tmp' },
    });
    assert.equal(code, 0);
    assert.match(stdout, /^SLOTCAST_CLUSTER +orders +environment$/m);
    assert.match(stdout, new RegExp(`^SLOTCAST_LOG_LEVEL +debug +file ${file}:1$`, 'm'));
    assert.match(stdout, /^SLOTCAST_HTTP_LISTEN +127\.0\.0\.1:9478 +default$/m);
    assert.match(stdout, /^PGPORT +- +not set$/m);
  });

  test('shows the settings as JSON without secrets', async () => {
    const { code, stdout } = await runCli(['config', '--output', 'json'], {
      env: { ...settings, PGPASSWORD: 'hunter2', SLOTCAST_POSTGRES_URL: 'postgresql://u:hunter2@db1/x' },
    });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /hunter2/);
    const shown: unknown = JSON.parse(stdout);
    assert.ok(typeof shown === 'object' && shown !== null && 'SLOTCAST_POSTGRES_URL' in shown);
    assert.deepEqual(shown.SLOTCAST_POSTGRES_URL, {
      value: 'postgresql://u:***@db1/x',
      origin: 'environment',
    });
  });

  test('says what to check when Kafka cannot be reached, and exits 1', async () => {
    const { code, stdout, stderr } = await runCli(['topic', 'check'], { env: settings });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /ECONNREFUSED 127\.0\.0\.1:1/);
    assert.match(stderr, /advertised\.listeners/);
    assert.match(stderr, /\[SC_KAFKA_UNREACHABLE\]/);
  });
});
