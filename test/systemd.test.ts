import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { services } from '@slotcast/config';
import { exitCodes } from '@slotcast/kernel';
import { lacks, pathOf, read, succeed } from './support/deploy-files.ts';

const options = { timeout: 60_000 };
const UNIT = 'deploy/systemd/slotcast@.service';
const CLI = 'services/cli/bin/slotcast.js';
const instances = ['node', 'publisher', 'consumer'];
/** In tenths of the figure of `systemd-analyze security`; below 2.0 is its best mark. */
const MAX_EXPOSURE = 20;

/** Values of a unit file by `Section.Name`, in their order. */
function parseUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = '';
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, heading] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    assert.ok(heading !== undefined || name !== '', `neither a section nor a value: ${line}`);
    section = heading ?? section;
    if (heading === undefined) {
      const key = `${section}.${name}`;
      values.set(key, [...(values.get(key) ?? []), value]);
    }
  }
  return values;
}

const text = read(UNIT);
const unit = parseUnit(text);

describe('the systemd unit', options, () => {
  test('starts the binary of this checkout as the service that its instance names', () => {
    const [, program = '', argument] =
      /^\/usr\/bin\/node \/opt\/slotcast\/(\S+) (\S+)$/.exec(unit.get('Service.ExecStart')?.[0] ?? '') ?? [];
    assert.equal(program, CLI);
    assert.ok(existsSync(pathOf(program)));
    assert.equal(argument, '%i');
    assert.match(text, /systemctl enable --now slotcast@node$/m);
    assert.match(text, /systemctl enable --now slotcast@publisher slotcast@consumer$/m);
    assert.ok(instances.every((name) => services.some((service) => service === name)));
  });

  test('is started again for ever after a failure, but not after one that only a person can fix', () => {
    assert.deepEqual(unit.get('Service.Restart'), ['on-failure']);
    assert.deepEqual(unit.get('Unit.StartLimitIntervalSec'), ['0']);
    const { usage, precondition } = exitCodes;
    assert.deepEqual(unit.get('Service.RestartPreventExitStatus'), [`${usage.code} ${precondition.code}`]);
  });

  test('may do no more than it has to', () => {
    const wanted: Readonly<Record<string, readonly string[]>> = {
      User: ['slotcast'],
      NoNewPrivileges: ['yes'],
      CapabilityBoundingSet: [''],
      ProtectSystem: ['strict'],
      ProtectHome: ['yes'],
      PrivateTmp: ['yes'],
      PrivateDevices: ['yes'],
      RestrictAddressFamilies: ['AF_INET AF_INET6 AF_UNIX'],
      SystemCallFilter: ['@system-service', '~@privileged'],
      // Without these two it would not start at all.
      SystemCallErrorNumber: ['EPERM'],
      MemoryDenyWriteExecute: ['no'],
    };
    for (const [name, value] of Object.entries(wanted)) {
      assert.deepEqual(unit.get(`Service.${name}`), value, name);
    }
  });

  describe('for systemd itself', { skip: lacks('systemd-analyze') }, () => {
    let folder = '';

    /** A copy for this machine, which has node and the checkout elsewhere, and no user slotcast. */
    function install(instance: string): string {
      const path = join(folder, `slotcast@${instance}.service`);
      const here = text
        .replace('/usr/bin/node', process.execPath)
        .replace(`/opt/slotcast/${CLI}`, pathOf(CLI))
        .replaceAll(/^(User|Group)=slotcast$/gm, '$1=daemon');
      writeFileSync(path, here);
      return path;
    }

    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'systemd-'));
    });

    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const instance of instances) {
      test(`is a correct unit as ${instance}`, () => {
        succeed('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', install(instance)]);
      });
    }

    test('is hardened by its measure', () => {
      const unitFile = install('node');
      succeed('systemd-analyze', [
        'security',
        '--offline=yes',
        '--no-pager',
        `--threshold=${MAX_EXPOSURE}`,
        unitFile,
      ]);
    });
  });
});
