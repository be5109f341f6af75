import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  findPin,
  judgePin,
  type NodeStatus,
  type PinFacts,
  parseSystemIdentifier,
  physicalSlotPins,
  type SlotEvent,
  type SlotState,
  timeline,
} from '@slotcast/domain';
import { observePrimary, observeStandby, readStandbySettings } from '@slotcast/postgres';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, withConnection } from '../connection/open-connections.ts';

/** What a server shows of its slots, and of what it streams from. */
async function look(server: PostgresServer): Promise<{
  readonly slots: readonly SlotState[];
  readonly primarySlotName: string | undefined;
}> {
  return await withConnection(optionsFor(server), async (connection) => {
    const standby = await observeStandby(connection);
    if (standby.inRecovery) {
      const { walReceiver } = await readStandbySettings(connection);
      return { slots: standby.slots, primarySlotName: walReceiver?.slotName };
    }
    const primary = await observePrimary(connection);
    assert.ok(!primary.inRecovery);
    return { slots: primary.slots, primarySlotName: undefined };
  });
}

function recordOf(
  node: string,
  role: NodeStatus['role'],
  seen: Awaited<ReturnType<typeof look>>,
): NodeStatus {
  return {
    kind: 'node',
    node,
    role,
    instance: 'one',
    version: '0.1.0',
    systemIdentifier: parseSystemIdentifier('42'),
    timeline: timeline(1),
    serverVersion: 180004,
    primarySlotName: seen.primarySlotName,
    hotStandbyFeedback: true,
    physicalSlots: physicalSlotPins(seen.slots),
    wantsStandbySnapshot: false,
    time: 0,
  };
}

function eventOf(state: SlotState): SlotEvent {
  const origin = {
    lsn: state.restartLsn ?? state.confirmedFlushLsn,
    timeline: timeline(1),
    epoch: 1,
    seq: 1,
  };
  assert.ok(origin.lsn !== undefined);
  const incarnation = { epoch: 1, seq: 1 };
  return {
    ...origin,
    lsn: origin.lsn,
    kind: 'slot',
    op: 'update',
    slot: state.name,
    incarnation,
    state,
    node: 'alpha',
    time: 0,
  };
}

function holdersIn(pin: PinFacts): string[] {
  return pin.links.map(({ slot, holder }) => `${slot} on ${holder}`);
}

describe('the pin of a cascaded standby whose physical slot stands on the primary, too', {
  timeout: 180_000,
}, () => {
  let alpha: PostgresServer;
  let bravo: PostgresServer;
  let charlie: PostgresServer;

  before(async () => {
    alpha = await startPrimary({ major: 18, name: 'alpha' });
    await alpha.createRole('slotcast');
    bravo = await alpha.addStandby({ name: 'bravo' });
    charlie = await bravo.addStandby({ name: 'charlie' });
    await alpha.query(`select pg_create_physical_replication_slot('charlie', true)`);
  });

  after(() => alpha?.[Symbol.asyncDispose]());

  async function pinOfCharlie(): Promise<PinFacts> {
    const [onAlpha, onBravo, here] = [await look(alpha), await look(bravo), await look(charlie)];
    const events = onAlpha.slots.filter(({ type }) => type === 'physical').map(eventOf);
    const nodes = [recordOf('alpha', 'primary', onAlpha), recordOf('bravo', 'standby', onBravo)];
    return findPin(
      { node: 'charlie', hotStandbyFeedback: true, primarySlotName: here.primarySlotName },
      {
        slots: new Map(events.map((event) => [event.slot, event])),
        nodes: new Map(nodes.map((node) => [node.node, node])),
        primary: 'alpha',
        silent: new Set(),
      },
    );
  }

  test('is looked for on the server that it streams from, also after it was moved', async () => {
    assert.deepEqual(holdersIn(await pinOfCharlie()), ['charlie on bravo', 'bravo on alpha']);
    await charlie.follow(alpha);
    assert.deepEqual(holdersIn(await pinOfCharlie()), ['charlie on alpha']);
  });

  test('is gone once the slot was invalidated, though the server goes on showing its catalog_xmin', async () => {
    const making = charlie.query(`select pg_create_logical_replication_slot('app', 'test_decoding')`);
    await charlie.waitFor(
      `select from pg_replication_slots where slot_name = 'app'`,
      (rows) => rows.length > 0,
    );
    await alpha.query(`select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', '')`);
    await making;
    const [app] = (await look(charlie)).slots;
    assert.ok(app?.catalogXmin !== undefined);
    await alpha.waitFor(
      `select from pg_replication_slots where slot_name = 'charlie' and catalog_xmin is not null`,
      (rows) => rows.length > 0,
    );
    assert.equal(judgePin(await pinOfCharlie(), app.catalogXmin).kind, 'held');

    await charlie.stop();
    await alpha.setConfig({ max_slot_wal_keep_size: '16MB', wal_keep_size: '0' });
    for (let segment = 0; segment < 3; segment += 1) {
      await alpha.query(`select pg_switch_wal()`);
      await alpha.query(`select pg_logical_emit_message(true, 'test', '')`);
    }
    await alpha.query('checkpoint');
    const lost = (await look(alpha)).slots.find(({ name }) => name === 'charlie');
    assert.equal(lost?.walStatus, 'lost');
    assert.ok(lost.catalogXmin !== undefined && lost.catalogXmin <= app.catalogXmin);
    assert.equal(physicalSlotPins([lost])[0]?.invalidated, true);
  });
});
