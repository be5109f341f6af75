import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseConfiguration, parseSwitch, readWrittenSettings } from '@slotcast/rebuild';
import { temporaryFolder } from '@slotcast/testkit';

const options = { timeout: 20_000 };

describe('a configuration file', options, () => {
  test('is read as the server does', () => {
    const { lines, malformed } = parseConfiguration(
      [
        '# a comment',
        '',
        "wal_level = 'logical'",
        'Max_Replication_Slots 7 # so many',
        "restore_command='cp ''/a b''/%f \\\"%p\\\"'",
        'hot_standby=on',
        "include_dir 'conf.d'",
        'some.extension = 1',
        "broken = 'no end",
        '= 3',
      ].join('\n'),
    );
    assert.deepEqual(lines, [
      { name: 'wal_level', value: 'logical' },
      { name: 'max_replication_slots', value: '7' },
      { name: 'restore_command', value: 'cp \'/a b\'/%f "%p"' },
      { name: 'hot_standby', value: 'on' },
      { name: 'include_dir', value: 'conf.d' },
      { name: 'some.extension', value: '1' },
    ]);
    assert.deepEqual(malformed, ["broken = 'no end", '= 3']);
  });

  test('has switches in all forms that the server takes', () => {
    assert.deepEqual(['on', 'TRUE', 'y', 't', '1'].map(parseSwitch), [true, true, true, true, true]);
    assert.deepEqual(['of', 'off', 'false', 'n', '0'].map(parseSwitch), [false, false, false, false, false]);
    assert.deepEqual(['o', '', '2', 'maybe'].map(parseSwitch), [undefined, undefined, undefined, undefined]);
  });
});

describe('the settings of a data folder', options, () => {
  test('are those of the last line, over includes and the file of ALTER SYSTEM', async () => {
    const folder = await temporaryFolder('settings');
    await mkdir(join(folder, 'conf.d'));
    await writeFile(
      join(folder, 'postgresql.conf'),
      "wal_level = replica\nmax_replication_slots = 3\ninclude 'more.conf'\ninclude_if_exists 'none.conf'\ninclude_dir 'conf.d'\n",
    );
    await writeFile(join(folder, 'more.conf'), 'wal_level = logical\nmax_replication_slots = 4\n');
    await writeFile(join(folder, 'conf.d', '10.conf'), 'max_replication_slots = 5\n');
    await writeFile(
      join(folder, 'conf.d', '20.conf'),
      "hot_standby = off\nhot_standby_feedback = on\nprimary_slot_name = 's1'\n",
    );
    await writeFile(
      join(folder, 'conf.d', '25.conf'),
      "recovery_target_lsn = '0/1'\nrecovery_target_time = ''\n",
    );
    await writeFile(join(folder, 'conf.d', '.30.conf'), 'hot_standby = on\n');
    assert.deepEqual(await readWrittenSettings(folder), {
      walLevel: 'logical',
      maxReplicationSlots: 5,
      hotStandby: false,
      hotStandbyFeedback: true,
      primarySlotName: 's1',
      recoveryTarget: new Map([['recovery_target_lsn', '0/1']]),
      restoreCommand: undefined,
      doubts: [],
    });
    await writeFile(join(folder, 'postgresql.auto.conf'), "max_replication_slots = '6'\n");
    assert.equal((await readWrittenSettings(folder)).maxReplicationSlots, 6);
  });

  test('are told as in doubt where a file is missing, includes itself, or cannot be read', async () => {
    const folder = await temporaryFolder('settings');
    assert.match((await readWrittenSettings(folder)).doubts.join(), /postgresql\.conf is not there/);
    await writeFile(
      join(folder, 'postgresql.conf'),
      "include 'none.conf'\ninclude 'postgresql.conf'\ninclude_dir 'none'\nwal_level\nhot_standby = maybe\nmax_replication_slots = many\n",
    );
    const { doubts, hotStandby, maxReplicationSlots } = await readWrittenSettings(folder);
    for (const doubt of [
      /none\.conf is not there/,
      /depth of more than 10/,
      /none is not there/,
      /the line "wal_level"/,
      /hot_standby is 'maybe'/,
      /max_replication_slots is 'many'/,
    ]) {
      assert.ok(
        doubts.some((text) => doubt.test(text)),
        `${doubt}`,
      );
    }
    assert.deepEqual([hotStandby, maxReplicationSlots], [undefined, undefined]);
  });
});
