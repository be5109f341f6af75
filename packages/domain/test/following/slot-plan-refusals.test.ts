import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Hold } from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import {
  live,
  local,
  mine,
  outline,
  owning,
  pin,
  planned,
  probed,
  type Situation,
  verdictOn,
} from './plan-situations.ts';

function paused(reason: string, cause: Hold['cause'] = 'passing'): Hold {
  return { reasons: [saying(reason)], pausing: true, cause };
}

function obstacle(over: Situation): string {
  const blocked = verdictOn({ events: [live('a')], ...over });
  assert.equal(outline(blocked), 'blocked');
  return whyOf(blocked);
}

describe('a slot that slotcast did not make', { timeout: 20_000 }, () => {
  const foreign = { events: [live('a', { confirmedFlushLsn: at(0x5000) })], local: [local('a')] };

  test('is reported with the remedy and never touched', () => {
    const reported = verdictOn(foreign);
    assert.equal(outline(reported), 'conflict');
    assert.match(whyOf(reported), /SLOTCAST_ON_CONFLICT=replace/);
    for (const over of [{ twoPhase: true }, { walStatus: 'lost' }, { plugin: 'test_decoding' }]) {
      assert.equal(outline(verdictOn({ ...foreign, local: [local('a', over)] })), 'conflict');
    }
  });

  test('is dropped where the operator chose to replace', () => {
    assert.equal(outline(verdictOn({ ...foreign, policy: { onConflict: 'replace' } })), 'conflict drop');
  });

  test('and that only keeps the name taken is told with the command that frees it', () => {
    const kept = { restartLsn: undefined, xmin: undefined, walStatus: undefined, active: false };
    const placeholder = { ...physicalSlot('a', kept), temporary: false };
    const reported = verdictOn({ ...foreign, local: [placeholder], policy: { onConflict: 'replace' } });
    assert.equal(outline(reported), 'conflict');
    assert.match(whyOf(reported), /slotcast release/);
  });

  test('and that is physical is never dropped, not by any choice nor when the name is owned', () => {
    const physical = { ...physicalSlot('a'), temporary: false };
    const situation: Situation = { local: [physical], owned: mine, policy: { onConflict: 'replace' } };
    const reported = verdictOn({ ...situation, events: [live('a')] });
    assert.equal(outline(reported), 'conflict');
    assert.match(whyOf(reported), /physical slot of this name/);
    for (const over of [{ op: 'drop' }, { state: physicalSlot('a') }] as const) {
      const { verdicts } = planned({ ...situation, events: [live('a', {}, over)] });
      assert.ok(verdicts.every((entry) => entry.action === undefined));
    }
    assert.equal(verdictOn(situation).action, undefined);
  });

  test('is left alone whatever became of the slot on the primary', () => {
    for (const event of [live('a', {}, { op: 'drop' }), live('a', { walStatus: 'lost' })]) {
      assert.equal(
        verdictOn({ ...foreign, events: [event], policy: { onConflict: 'replace' } }).action,
        undefined,
      );
    }
    assert.deepEqual(planned({ local: [local('z')] }).verdicts, []);
  });
});

describe('a slot of PostgreSQL itself', { timeout: 20_000 }, () => {
  const failover = { events: [live('a', { failover: true })], syncReplicationSlots: true };

  test('is native and never made here', () => {
    assert.equal(outline(verdictOn({ ...failover, probes: probed })), 'native');
    assert.equal(outline(verdictOn({ ...failover, local: [local('a', { synced: true })] })), 'native');
    assert.equal(
      outline(verdictOn({ events: failover.events, local: [local('a', { synced: true })] })),
      'native',
    );
  });

  test('is an ordinary slot while sync_replication_slots is off', () => {
    assert.equal(outline(verdictOn({ events: failover.events })), 'catching_up probe');
  });

  test('gets its name back: an owned copy is dropped, then released; a foreign one is in its way', () => {
    assert.equal(outline(verdictOn({ ...failover, owned: mine, local: [local('a')] })), 'native drop');
    assert.equal(outline(verdictOn({ ...failover, owned: mine })), 'native release');
    assert.equal(
      outline(verdictOn({ ...failover, owned: mine, local: [local('a', { synced: true })] })),
      'native release',
    );
    assert.equal(outline(verdictOn({ ...failover, local: [local('a')] })), 'conflict');
  });

  test('is absent once it was dropped on the primary', () => {
    const dropped = [live('a', { failover: true }, { op: 'drop' })];
    assert.equal(outline(verdictOn({ ...failover, events: dropped })), 'absent');
  });
});

describe('what stands in the way', { timeout: 20_000 }, () => {
  test('a plugin that is not allowed is never loaded, and a path never is', () => {
    for (const plugin of ['evil', '../pgoutput', '/tmp/pgoutput', 'a\\b', '.hidden', '', 'pgoutput\n']) {
      const events = [live('a', { plugin })];
      assert.match(obstacle({ events }), /SLOTCAST_PLUGINS/);
      if (plugin !== 'evil') {
        assert.match(obstacle({ events, policy: { allowedPlugins: [plugin] } }), /is not allowed here/);
      }
    }
  });

  test('a plugin that the server itself does not allow blocks', () => {
    assert.match(obstacle({ serverPlugins: ['test_decoding'] }), /output_plugin_libraries/);
    assert.equal(
      outline(verdictOn({ events: [live('a')], serverPlugins: ['pgoutput'] })),
      'catching_up probe',
    );
  });

  test('a plugin that the server does not load or allow any more blocks, also a slot that is here', () => {
    const unloadable = new Map([['pgoutput', 'could not access file "pgoutput"']]);
    assert.match(obstacle({ unloadable }), /cannot be loaded .*could not access file "pgoutput"/);
    const present = {
      events: [live('a', { confirmedFlushLsn: at(0x2100) })],
      local: [local('a')],
      owned: mine,
    };
    assert.equal(outline(verdictOn({ ...present, unloadable })), 'blocked advance');
    assert.equal(outline(verdictOn({ ...present, serverPlugins: ['wal2json'] })), 'blocked advance');
    assert.equal(outline(verdictOn({ ...present, serverPlugins: ['pgoutput'] })), 'ready advance');
  });

  test('hot_standby_feedback off and a missing physical slot block, and no temporary slot is kept', () => {
    assert.match(obstacle({ pin: { ...pin, hotStandbyFeedback: false } }), /hot_standby_feedback/);
    assert.match(obstacle({ pin: { hotStandbyFeedback: true, links: [] } }), /primary_slot_name/);
    const blocked = { events: [live('a')], pin: { ...pin, missing: 'to_bravo' }, probes: probed };
    assert.match(obstacle(blocked), /to_bravo/);
    assert.deepEqual(planned(blocked).idleProbes, ['oid 16384']);
  });

  test('one bad slot stops only itself', () => {
    const events = [live('a', { plugin: 'evil' }), live('b'), live('c', { confirmedFlushLsn: at(0x2100) })];
    const { verdicts } = planned({ events, owned: { c: owning() }, local: [local('c')] });
    assert.deepEqual(verdicts.map(outline), ['blocked', 'catching_up probe', 'ready advance']);
  });

  test('a copy that was refuted is not ready, though it is moved on', () => {
    const refuted = { a: { reasons: [saying('it was refuted')], pausing: false, cause: 'refuted' } } as const;
    const rested: Situation = { events: [live('a')], owned: mine, local: [local('a')] };
    assert.equal(outline(verdictOn(rested)), 'ready');
    assert.equal(outline(verdictOn({ ...rested, holds: refuted })), 'blocked');
    const ahead = { ...rested, events: [live('a', { confirmedFlushLsn: at(0x2100) })], holds: refuted };
    assert.equal(outline(verdictOn(ahead)), 'blocked advance');
    assert.match(whyOf(verdictOn(ahead)), /^it was refuted/);
    const other = { ...ahead, events: [live('a', {}, { incarnation: { epoch: 1, seq: 7 } })] };
    assert.equal(outline(verdictOn(other)), 'catching_up drop', 'what makes it anew goes on');
    assert.match(whyOf(verdictOn(other)), /^it was refuted/, 'a process that comes later has to know');
  });

  test('a held slot takes no step, not even to give up ownership, and the others go on', () => {
    const holds = { a: paused('creation is under way') };
    const ahead = live('a', { confirmedFlushLsn: at(0x2100) });
    const dropped = live('a', {}, { op: 'drop' });
    const situations: [string, Situation][] = [
      ['retrying', { events: [ahead], owned: mine, local: [local('a')] }],
      ['catching_up', { events: [ahead], owned: mine, probes: probed }],
      ['absent', { events: [dropped], owned: mine, local: [local('a')] }],
      ['absent', { events: [dropped], owned: mine }],
      ['invalidated', { events: [live('a', { walStatus: 'lost' })], owned: mine }],
      ['native', { events: [live('a', { failover: true })], owned: mine, syncReplicationSlots: true }],
      ['conflict', { events: [ahead], local: [local('a')], policy: { onConflict: 'replace' } }],
    ];
    for (const [expected, situation] of situations) {
      const held = verdictOn({ ...situation, holds });
      assert.equal(outline(held), expected);
      assert.match(whyOf(held), /creation is under way/);
      const other = slotEvent('b', { seq: 2, lsn: 0x9000 });
      const both = planned({ ...situation, holds, events: [...(situation.events ?? []), other] });
      assert.notEqual(both.verdicts.at(-1)?.action, undefined, expected);
    }
  });

  test('a hold without a step to hold back says nothing', () => {
    const still = {
      events: [live('a')],
      owned: mine,
      local: [local('a')],
      holds: { a: paused('failed before') },
    };
    assert.equal(outline(verdictOn(still)), 'ready');
  });
});
