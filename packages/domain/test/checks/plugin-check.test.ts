import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { checkNodeJs, checkPlugins } from '@slotcast/domain';
import { logicalSlot } from '../vocabulary-examples.ts';

const slots = [
  logicalSlot('a'),
  logicalSlot('b', { plugin: 'wal2json' }),
  logicalSlot('c', { plugin: 'wal2json' }),
];

describe('the plugins of the slots', { timeout: 5000 }, () => {
  test('are all allowed, where a server without such a list loads every one', () => {
    const server = { allowedPlugins: ['pgoutput', 'wal2json'], serverPlugins: undefined };
    assert.deepEqual(
      checkPlugins(slots, server).map(({ outcome }) => outcome),
      ['ok'],
    );
  });

  test('that are missing in a list are named with their slots and the whole new list', () => {
    const server = { allowedPlugins: ['pgoutput'], serverPlugins: ['pgoutput', 'test_decoding'] };
    const [setting, library] = checkPlugins(slots, server);
    assert.match(setting?.message ?? '', /"wal2json", the plugin of b, c, is not in SLOTCAST_PLUGINS/);
    assert.equal(setting?.remedy, 'SLOTCAST_PLUGINS=pgoutput,wal2json');
    assert.equal(
      library?.remedy,
      "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'wal2json'; SELECT pg_reload_conf();",
    );
  });
});

test('Node.js must be as new as the package asks for', { timeout: 5000 }, () => {
  const engines = /"node": ">=(\d+\.\d+)"/.exec(
    readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
  );
  assert.equal(checkNodeJs(`${engines?.[1]}.0`).outcome, 'ok');
  assert.equal(checkNodeJs('22.1.0').outcome, 'ok');
  const old = checkNodeJs('20.18.3');
  assert.equal(old.outcome, 'failed');
  assert.ok(old.remedy.includes(engines?.[1] ?? '?'), 'names the version of the package');
});
