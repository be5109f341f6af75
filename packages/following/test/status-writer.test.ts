import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import {
  emptyBacklog,
  type Lsn,
  lsn,
  POSITIONS_MS,
  parseSystemIdentifier,
  type ReadinessState,
  type Reason,
  reason,
  type SlotVerdict,
  timeline,
} from '@slotcast/domain';
import { type LogWriter, MemoryLog } from '@slotcast/event-log';
import { StatusWriter } from '@slotcast/following';
import type { Clock } from '@slotcast/kernel';
import type { NodeDirectory } from '@slotcast/topics';
import { APP, emptyDirectory, factsOf, NODE, NODES_TOPIC } from './restart/restart-scene.ts';

type View = Parameters<StatusWriter['write']>[1];

/** A clock that goes on only when it is told to. */
class SteppedClock implements Clock {
  ms = 1_700_000_000_000;
  now = (): number => this.ms;
  monotonicMs = (): number => this.ms;
  sleep = (): Promise<void> => Promise.reject(new Error('nobody sleeps here'));
}

const SETTINGS = {
  walLevel: 'logical',
  hotStandbyFeedback: true,
  primarySlotName: 's1',
  maxReplicationSlots: 10,
  syncReplicationSlots: false,
  replayPaused: false,
  slotLimits: {},
  walReceiver: undefined,
  upstream: undefined,
  outputPluginLibraries: undefined,
};

function behind(seconds: number): Reason {
  return reason('behind', { bytes: 500n, seconds });
}

describe('the records of slots at rest', { timeout: 10_000 }, () => {
  let clock: SteppedClock;
  let directory: NodeDirectory;
  let status: StatusWriter;
  let verdicts: readonly SlotVerdict[];
  let view: View;
  let settled: Parameters<StatusWriter['write']>[2];
  let decoding: Reason | undefined;

  beforeEach(async () => {
    clock = new SteppedClock();
    directory = emptyDirectory();
    decoding = undefined;
    const log = new MemoryLog();
    await log.createTopic({ topic: NODES_TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
    const writer: LogWriter = await log.claim('writer');
    const own = { incarnation: { epoch: 1, seq: 1 }, lineage: 'lineage', proven: true };
    await directory.write(writer, {
      slots: [
        {
          kind: 'node_slot',
          node: NODE,
          slot: APP,
          role: 'standby',
          ownership: own,
          state: 'catching_up',
          reasons: [],
          time: clock.now(),
        },
      ],
      time: clock.now(),
    });
    status = new StatusWriter({
      directory,
      writer,
      clock,
      describe: () => ({
        kind: 'node',
        node: NODE,
        role: 'standby',
        instance: 'i',
        version: '0',
        systemIdentifier: parseSystemIdentifier('1'),
        timeline: timeline(1),
        serverVersion: 180004,
        physicalSlots: [],
      }),
      decodingReason: () => decoding,
    });
    see(lsn(100n));
    judge('ready');
    await rest();
  });

  function see(position: Lsn): void {
    const facts = factsOf(position, position);
    const history = { timeline: timeline(1), ancestors: [] };
    view = { ...facts.view, receiveLsn: position, history, settings: SETTINGS };
    const { desired } = facts;
    settled = { backlog: emptyBacklog, desired, furthest: new Map(), waiting: new Map() };
  }

  function judge(state: ReadinessState, ...reasons: readonly Reason[]): void {
    verdicts = [{ slot: APP, state, reasons, sound: true }];
  }

  function written(): readonly Reason[] | undefined {
    return directory.written.get(APP)?.reasons;
  }

  async function round(): Promise<void> {
    const plan = { verdicts, idleProbes: [], idleLeaders: [], idleAnchor: false };
    await status.write(plan, view, settled, false);
  }

  /** As long as it takes until all is on record. */
  async function rest(): Promise<void> {
    for (const end = clock.ms + 2 * POSITIONS_MS; clock.ms < end; clock.ms += 1000) {
      await round();
    }
  }

  test('tell a new position, although nothing was published', async () => {
    assert.equal(directory.written.get(APP)?.confirmedFlushLsn, lsn(100n));
    const published = settled;
    see(lsn(200n));
    settled = published;
    await rest();
    assert.equal(directory.written.get(APP)?.confirmedFlushLsn, lsn(200n));
  });

  test('tell a position that came too soon after another one to be written at once', async () => {
    see(lsn(200n));
    await round();
    clock.ms += POSITIONS_MS / 2;
    see(lsn(300n));
    await round();
    assert.equal(directory.written.get(APP)?.confirmedFlushLsn, lsn(200n));
    await rest();
    assert.equal(directory.written.get(APP)?.confirmedFlushLsn, lsn(300n));
  });

  test('tell another state at once', async () => {
    judge('blocked');
    await round();
    assert.equal(directory.written.get(APP)?.state, 'blocked');
  });

  test('tell another reason at once, and what was measured anew after a while', async () => {
    judge('lagging', behind(70));
    await round();
    judge('lagging', behind(71));
    await round();
    assert.deepEqual(written(), [behind(70)]);
    judge('lagging', behind(71), reason('kept_here'));
    await round();
    assert.deepEqual(written(), [behind(71), reason('kept_here')]);
    judge('lagging', behind(72), reason('kept_here'));
    await rest();
    assert.deepEqual(written(), [behind(72), reason('kept_here')]);
  });

  test('tell that the slot takes decoding, and that it does no more', async () => {
    decoding = reason('move_refused', { said: 'the server left it where it stood' });
    see(lsn(200n));
    await rest();
    assert.equal(directory.written.get(APP)?.decoding, decoding);
    assert.equal(status.decodingSlots, 1);
    decoding = undefined;
    await rest();
    assert.equal(directory.written.get(APP)?.decoding, undefined);
    assert.equal(status.decodingSlots, 0);
  });

  test('go with the slot, and come back with it', async () => {
    const before = verdicts;
    verdicts = [];
    await round();
    assert.equal(directory.written.has(APP), false);
    verdicts = before;
    await rest();
    assert.equal(directory.written.get(APP)?.state, 'ready');
  });
});
