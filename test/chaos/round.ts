import { setTimeout as sleep } from 'node:timers/promises';
import { type KafkaServer, type PostgresServer, waitUntil } from '@slotcast/testkit';
import { handedOver } from '../support/failover.ts';
import type { Scene } from '../support/scene.ts';
import { insertRows } from '../support/slot-reader.ts';
import { Cast } from './cast.ts';
import { makeTrouble } from './hosts.ts';
import type { RoundPlan } from './round-plan.ts';
import type { StubbornSubscriber } from './subscriber.ts';
import { judgeSlot, type SlotOutcome } from './verdict.ts';

const READY_TIMEOUT_MS = 90_000;
/** How long a subscriber may need to come to the present once all is repaired. */
const PRESENT_TIMEOUT_MS = 60_000;

export interface RoundOutcome {
  readonly plan: RoundPlan;
  readonly slots: readonly SlotOutcome[];
  readonly findings: readonly string[];
  /** What the services beside the new primary have logged. */
  readonly log: string;
}

/** Plays a history on real servers and compares row by row what each subscriber has got. The broker is left running. */
export async function playRound(plan: RoundPlan, kafka: KafkaServer): Promise<RoundOutcome> {
  await using cast = await Cast.assemble(plan, kafka);
  try {
    await cast.old.repair();
    await cast.next.repair();
    await untilAllReady(cast);
    await failOver(plan, cast);
    await repair(cast);
    const slots = await outcomes(cast);
    return { plan, slots, findings: slots.flatMap(judgeSlot), log: await cast.next.logs() };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { plan, slots: [], findings: [text.slice(0, 2000)], log: await cast.next.logs() };
  }
}

async function untilAllReady({ scene, subscribers, old, next }: Cast): Promise<void> {
  await Promise.all([old.ready(), next.ready()]);
  for (const { slot } of subscribers) {
    await scene.records.waitForState('s1', slot, 'ready', { timeoutMs: READY_TIMEOUT_MS });
  }
}

/** Everything up to the repair, each at its time. */
async function failOver(plan: RoundPlan, cast: Cast): Promise<void> {
  const { scene, old, writer, subscribers } = cast;
  const standby = scene.standby();
  const acts = [
    ...(plan.cutOffMs === undefined ? [] : [{ atMs: -plan.cutOffMs, act: () => standby.cutOff() }]),
    ...plan.troubles.map((trouble) => ({ atMs: trouble.atMs, act: () => makeTrouble(trouble, cast) })),
    {
      atMs: 0,
      act: async () => {
        await Promise.all([endOf(plan, scene.primary), plan.isHostLost ? old.kill() : undefined]);
      },
    },
    { atMs: plan.promotionMs, act: () => promote(plan, cast) },
  ].toSorted((one, other) => one.atMs - other.atMs);
  const begin = performance.now() - Math.min(...acts.map(({ atMs }) => atMs));
  const pending: Promise<unknown>[] = [];
  for (const { atMs, act } of acts) {
    await sleep(Math.max(0, begin + atMs - performance.now()));
    pending.push(act());
  }
  await Promise.all(pending);
  for (const subscriber of subscribers) {
    subscriber.moveTo(standby);
  }
  writer.moveTo(standby);
  await sleep(plan.repairMs);
}

async function endOf({ end }: RoundPlan, primary: PostgresServer): Promise<void> {
  switch (end) {
    case 'kill':
      return primary.kill();
    case 'stop':
      return primary.stop('fast');
    case 'freeze':
      return primary.pause();
  }
}

/** Promotes the standby; its subscribers come while it still recovers, its writer when it was said to. */
async function promote(plan: RoundPlan, { scene, writer, subscribers }: Cast): Promise<void> {
  const standby = scene.standby();
  writer.rest();
  for (const subscriber of subscribers) {
    subscriber.moveTo(standby);
  }
  await standby.promote();
  await sleep(plan.writerMs);
  writer.moveTo(standby);
}

/** All works again but the old primary, which is gone for good; returns when the hand-off is on record and the publisher publishes. */
async function repair(cast: Cast): Promise<void> {
  const { scene, old, next } = cast;
  await scene.primary.kill();
  await old.kill();
  await cast.restoreKafka();
  await next.repair();
  await handedOver(scene, 's1');
  await next.ready();
}

async function outcomes({ scene, writer, subscribers }: Cast): Promise<readonly SlotOutcome[]> {
  const standby = scene.standby();
  const last = (await writer.stop()) + 1;
  await insertRows(standby, last, last);
  const rows = await standby.query<{ id: number }>('select id from numbers order by id');
  return await Promise.all(
    subscribers.map(async (subscriber) => {
      const isAtPresent = await arrives(subscriber, last, standby);
      return {
        slot: subscriber.slot,
        missing: rows.map(({ id }) => id).filter((id) => !subscriber.received.has(id)),
        isInReach: await isInReach(standby, subscriber.slot),
        isAtPresent,
        reported: reportOf(scene, subscriber.slot),
        lastError: subscriber.lastError,
      };
    }),
  );
}

/** Whether the row arrives, unless the slot is out of reach. */
async function arrives(
  subscriber: StubbornSubscriber,
  row: number,
  server: PostgresServer,
): Promise<boolean> {
  const deadline = performance.now() + PRESENT_TIMEOUT_MS;
  await waitUntil(
    async () =>
      subscriber.received.has(row) ||
      !(await isInReach(server, subscriber.slot)) ||
      performance.now() >= deadline,
    { describe: `the last row at ${subscriber.slot}`, timeoutMs: PRESENT_TIMEOUT_MS * 2, intervalMs: 100 },
  );
  return subscriber.received.has(row);
}

async function isInReach(server: PostgresServer, slot: string): Promise<boolean> {
  const rows = await server.query(
    "select from pg_replication_slots where slot_name = $1 and slot_type = 'logical' and confirmed_flush_lsn is not null",
    [slot],
  );
  return rows.length === 1;
}

/** What the new primary's node has on record of the slot. */
function reportOf(scene: Scene, slot: string): string | undefined {
  const promotion = scene.records.node('s1')?.promotion;
  const ahead = promotion?.ahead.find((entry) => entry.slot === slot);
  if (ahead !== undefined && ahead.outcome !== 'fenced') {
    return ahead.outcome;
  }
  return promotion?.lost.some((entry) => entry.slot === slot) === true ? 'lost' : undefined;
}
