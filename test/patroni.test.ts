import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { fields, lacks, list, pathOf, read, succeed } from './support/deploy-files.ts';

const options = { timeout: 60_000 };
const SCRIPT = 'deploy/patroni/pre-promote.sh';

describe("Patroni's pre_promote", options, () => {
  let folder = '';
  let asked = '';

  /** A `slotcast` that writes down how it was called, and then does this. */
  function fake(body: string): string {
    const path = join(folder, 'slotcast');
    writeFileSync(path, `#!/bin/sh\necho "$@" > '${asked}'\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** The exit code that Patroni sees. */
  function prePromote(args: readonly string[]): { code: number | null; said: string } {
    rmSync(asked, { force: true });
    const { status, stderr } = spawnSync(pathOf(SCRIPT), args, { encoding: 'utf8' });
    return { code: status, said: stderr };
  }

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'patroni-'));
    asked = join(folder, 'asked');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  test('asks slotcast with the settings of the services, within a bounded time', () => {
    const { code } = prePromote(['--slotcast', fake('exit 0'), '--config', '/etc/x.env', '--timeout', '7']);
    assert.equal(code, 0);
    assert.equal(
      readFileSync(asked, 'utf8'),
      '--config /etc/x.env prepare-promotion --timeout 7s --policy balanced\n',
    );
  });

  test('hands on the policy', () => {
    prePromote(['--slotcast', fake('exit 0'), '--policy', 'never']);
    assert.match(readFileSync(asked, 'utf8'), / --policy never\n$/);
  });

  const cases: readonly (readonly [number, readonly string[], number])[] = [
    [0, [], 0],
    [3, [], 1],
    [1, [], 0],
    [2, [], 0],
    [78, [], 0],
    [127, [], 0],
    [143, [], 0],
    [3, ['--policy', 'strict'], 1],
    [3, ['--when-unknown', 'promote'], 1],
    [0, ['--policy', 'strict', '--when-unknown', 'abort'], 0],
    [1, ['--when-unknown', 'abort'], 1],
    [78, ['--when-unknown', 'abort'], 1],
  ];
  for (const [ended, policy, expected] of cases) {
    const does = expected === 0 ? 'promotes' : 'does not promote';
    test(`${does} when slotcast ended with ${ended} and the policy is ${policy.join(' ') || 'not given'}`, () => {
      assert.equal(prePromote(['--slotcast', fake(`exit ${ended}`), ...policy]).code, expected);
    });
  }

  test('does not wait for a slotcast that hangs, and takes it for not knowing', () => {
    const hanging = fake('exec sleep 600');
    const since = performance.now();
    assert.equal(prePromote(['--slotcast', hanging, '--timeout', '1']).code, 0);
    assert.equal(prePromote(['--slotcast', hanging, '--timeout', '1', '--when-unknown', 'abort']).code, 1);
    assert.ok(performance.now() - since < 30_000);
  });

  test('takes a slotcast that is not there for not knowing', () => {
    const missing = join(folder, 'nothing');
    assert.equal(prePromote(['--slotcast', missing]).code, 0);
    assert.equal(prePromote(['--slotcast', missing, '--when-unknown', 'abort']).code, 1);
  });

  for (const mistake of [['--policy', 'perhaps'], ['--timeout', '10s'], ['--wrong', 'x'], ['--config']]) {
    test(`takes the mistake ${mistake.join(' ')} for not knowing, and says so`, () => {
      const slotcast = fake('exit 0');
      const { code, said } = prePromote(['--slotcast', slotcast, '--when-unknown', 'abort', ...mistake]);
      assert.equal(code, 1);
      assert.match(said, new RegExp(mistake[0] ?? ''));
      assert.ok(!existsSync(asked));
      assert.equal(prePromote(['--slotcast', slotcast, ...mistake]).code, 0);
    });
  }

  test('is clean for shellcheck', { skip: lacks('shellcheck') }, () => {
    succeed('shellcheck', [pathOf(SCRIPT)]);
  });
});

describe("Patroni's configuration", options, () => {
  const dcs = fields(fields(fields(parse(read('deploy/patroni/patroni.yml'))).get('bootstrap')).get('dcs'));
  const postgresql = fields(dcs.get('postgresql'));

  test('keeps Patroni from dropping logical slots that it did not make, and from keeping any itself', () => {
    assert.deepEqual(dcs.get('ignore_slots'), [{ type: 'logical' }]);
    assert.ok(!dcs.has('slots'));
  });

  test('runs the script that is in this checkout', () => {
    const command = String(postgresql.get('pre_promote')).split(' ');
    assert.equal(command[0], `/opt/slotcast/${SCRIPT}`);
    assert.ok(existsSync(pathOf(SCRIPT)));
  });

  test('gives the servers what slotcast needs', () => {
    const parameters = fields(postgresql.get('parameters'));
    assert.equal(parameters.get('wal_level'), 'logical');
    assert.equal(parameters.get('hot_standby_feedback'), 'on');
    assert.equal(postgresql.get('use_slots'), true);
    const hosts = list(postgresql.get('pg_hba'));
    assert.ok(hosts.includes('host all slotcast 127.0.0.1/32 scram-sha-256'));
  });

  test('leaves the time that a promotion may take to the leader key', () => {
    // Patroni itself: loop_wait + 2 * retry_timeout <= ttl.
    const [ttl, loop, retry] = ['ttl', 'loop_wait', 'retry_timeout'].map((name) => Number(dcs.get(name)));
    assert.ok((loop ?? 0) + 2 * (retry ?? 0) <= (ttl ?? 0));
  });
});
