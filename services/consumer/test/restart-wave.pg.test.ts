import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Lsn,
  type NodeSlotStatus,
  parseSlotName,
  type SlotEvent,
  type SlotName,
  type SlotState,
  timeline,
} from '@slotcast/domain';
import { connectPostgres, observeStandby, type PostgresConnection } from '@slotcast/postgres';
import { systemClock } from '@slotcast/runtime';
import { waitUntil } from '@slotcast/testkit';
import { MovedSlots, ROLE } from './moved-slots.ts';
import { type Facts, startWorker } from './restart-scene.ts';

const PLUGIN = 'test_decoding';
const NAMES = ['app1', 'app2', 'app3', 'app4', 'app5', 'app6'].map(parseSlotName);
const MIB = 1024n * 1024n;
const incarnation = { epoch: 1, seq: 1 };
/** Takes whatever is written. */
const writer = { append: () => Promise.resolve(), close: () => Promise.resolve() };

/** Rows with records from which decoding can start, replayed by the standby. */
async function writeMuch(slots: MovedSlots): Promise<Lsn> {
  await slots.primary.query('create table filler (note text)');
  for (let part = 0; part < 30; part += 1) {
    await slots.primary.query(
      "insert into filler (note) select repeat('x', 2000) from generate_series(1, 2000)",
    );
    await slots.primary.query('select pg_log_standby_snapshot()');
  }
  return await slots.write();
}

function eventOf(slot: SlotState, at: Lsn): SlotEvent {
  return {
    kind: 'slot',
    op: 'update',
    slot: slot.name,
    node: 'primary',
    timeline: timeline(1),
    incarnation,
    epoch: 1,
    seq: 2,
    lsn: at,
    time: 0,
    state: { ...slot, restartLsn: at },
  };
}

/** What the rounds of a session would know, had the primary's slots all been moved to `at` and needed no WAL from before. */
async function look(connection: PostgresConnection, at: Lsn): Promise<Facts> {
  const seen = await observeStandby(connection);
  assert.ok(seen.inRecovery);
  const own = seen.slots.filter(({ name }) => NAMES.includes(name));
  const events = own.map((slot) => eventOf(slot, at));
  const settings = { slotLimits: {}, maxReplicationSlots: 20 };
  return {
    view: { replayLsn: seen.replayLsn, slots: seen.slots, unreadable: [], settings },
    plan: {
      verdicts: own.map(({ name: slot }) => ({ slot, state: 'ready', reason: '', sound: true })),
      idleProbes: [],
      idleLeaders: [],
      idleAnchor: false,
    },
    desired: new Map(events.map((event) => [event.slot, event])),
    urgent: false,
  };
}

function ownedAt(slot: SlotName, at: Lsn): NodeSlotStatus {
  const ownership = { incarnation, lineage: 'first', proven: true, highestLsn: at };
  return {
    kind: 'node_slot',
    node: 's1',
    slot,
    role: 'standby',
    ownership,
    state: 'ready',
    reason: '',
    time: 0,
  };
}

test('slots are made anew, too, when more has to be decoded for the leading slot than one statement may', {
  timeout: 120_000,
}, async () => {
  await using slots = await MovedSlots.start(18, {});
  await slots.create('postgres', Object.fromEntries(NAMES.map((name) => [name, PLUGIN])));
  const at = await writeMuch(slots);
  await using moved = slots.mover();
  const moves = NAMES.map((name) => slots.action('postgres', name, PLUGIN, at));
  await moved.mover.run(moves, { upTo: at, urgent: true });
  const { restart } = await slots.positions('app1');
  const postgres = { url: slots.standby.url('postgres', ROLE), applicationName: 'slotcast-test' };
  const options = { postgres, clock: systemClock, restartGapBytes: MIB, leadMs: 30 };
  const { worker, directory, metrics } = startWorker(options);
  const connection = await connectPostgres(postgres);
  try {
    await directory.write(writer, { slots: NAMES.map((name) => ownedAt(name, at)), time: 0 });
    await waitUntil(
      async () => {
        worker.looks(new Set());
        const facts = await look(connection, at);
        worker.underWay(new Set());
        worker.planned(facts);
        await worker.record(writer);
        const { values } = await metrics.actionsTotal.get();
        return values.some(({ labels, value }) => labels.kind === 'remake' && value >= NAMES.length);
      },
      { intervalMs: 5, describe: 'slots to be made anew' },
    );
    for (const name of NAMES) {
      const now = await slots.positions(name);
      assert.ok(now.restart - restart > 64n * MIB && now.confirmed <= at, name);
    }
  } finally {
    await worker.close();
    await connection.close();
  }
});
