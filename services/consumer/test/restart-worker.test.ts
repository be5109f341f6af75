import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DecodingBudget, RestartWorker, SlotFailures } from '@slotcast/consumer';
import { type LocalSlot, type Lsn, lsn, parseSlotName, type SlotEvent, timeline } from '@slotcast/domain';
import { createCodec } from '@slotcast/event-schema';
import { NodeDirectory } from '@slotcast/hand-off';
import { type Clock, createConsumerMetrics, createLogger, Doorbell } from '@slotcast/runtime';

const MIB = 1024n * 1024n;
const name = parseSlotName('app');
const logger = createLogger({ level: 'silent', fields: {} });

/** A clock that stands still until it is told to go on, and in which nobody who sleeps wakes up. */
class StoppedClock implements Clock {
  ms = 0;

  now(): number {
    return this.ms;
  }

  monotonicMs(): number {
    return this.ms;
  }

  sleep(_ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}

function mib(count: number): Lsn {
  return lsn(BigInt(count) * MIB);
}

function slotAt(restartLsn: Lsn, confirmedFlushLsn: Lsn): LocalSlot {
  return {
    name,
    type: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    databaseOid: 1,
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn,
    confirmedFlushLsn,
    catalogXmin: 750,
    walStatus: 'reserved',
    active: false,
    temporary: false,
  };
}

/** A slot that has needed WAL from the beginning on all the time, while that of the primary needs none from before `at`. */
function factsAt(at: Lsn): NonNullable<Parameters<RestartWorker['planned']>[0]> {
  const event: SlotEvent = {
    kind: 'slot',
    op: 'update',
    slot: name,
    node: 'primary',
    timeline: timeline(1),
    incarnation: { epoch: 1, seq: 1 },
    epoch: 1,
    seq: 2,
    lsn: at,
    time: 0,
    state: slotAt(at, at),
  };
  return {
    view: {
      replayLsn: at,
      slots: [slotAt(mib(1), at)],
      unreadable: [],
      settings: { slotLimits: {}, maxReplicationSlots: 10 },
    },
    plan: {
      verdicts: [{ slot: name, state: 'ready', reason: '', sound: true }],
      idleProbes: [],
      idleLeaders: [],
      idleAnchor: false,
    },
    desired: new Map([[name, event]]),
    urgent: false,
  };
}

test('a backlog shows while a piece of work, or the wait for it, takes longer than a minute', async () => {
  const clock = new StoppedClock();
  const stop = new AbortController();
  const metrics = createConsumerMetrics({ version: '0', node: 's1', cluster: 'c' });
  const directory = new NodeDirectory({
    node: 's1',
    topic: 'nodes',
    codec: createCodec(),
    onMalformed: () => undefined,
    logger,
  });
  const worker = new RestartWorker({
    postgres: { url: 'postgres://127.0.0.1:1/none', applicationName: 'test' },
    directory,
    doorbell: new Doorbell(),
    budget: new DecodingBudget(0.25, clock),
    failures: new SlotFailures(clock, logger, Math.random),
    metrics,
    clock,
    logger,
    signal: stop.signal,
    restartGapBytes: 64n * MIB,
  });
  try {
    // It sleeps from now on, and never chooses another piece of work.
    await turn();
    for (let second = 0; second <= 90; second += 1) {
      clock.ms = second * 1000;
      worker.planned(factsAt(mib(300 + second)));
    }
    assert.equal(worker.backlog?.slots, 1);
    assert.equal((await metrics.restartGapBytes.get()).values[0]?.value, Number(389n * MIB));
  } finally {
    await worker.close();
  }
});
