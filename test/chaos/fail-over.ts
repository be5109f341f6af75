import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '@slotcast/testkit';
import { handedOver } from '../support/failover.ts';
import type { Cast } from './cast.ts';
import type { Diary } from './diary.ts';
import { restoreKafka } from './hosts.ts';
import type { FailoverPlan, Trouble } from './round-plan.ts';

interface Act {
  readonly atMs: number;
  /** What the diary calls it. */
  readonly what: string;
  readonly act: () => Promise<unknown>;
}

/** A broker or a service starts, or ends, within this. */
const RESTORE_TIMEOUT_MS = 240_000;

/** Everything up to the repair, each at its time, and the repair. Afterwards the target is the primary, its hand-off is on record, and its publisher publishes. */
export async function failOver(plan: FailoverPlan, cast: Cast): Promise<void> {
  const { scene, writer, subscribers } = cast;
  const old = cast.host(cast.primary);
  const next = cast.host(plan.target);
  const earlier = scene.records.node(plan.target)?.promotion;
  let hasEnded = false;
  const end = async (): Promise<void> => {
    await Promise.all([endOf(plan, old.server), plan.isHostLost ? old.lose() : undefined]);
    hasEnded = true;
  };
  const begin = async (): Promise<void> => {
    cast.wasOrderly = hasEnded && plan.end === 'stop' && plan.cutOffMs === undefined;
    await promote(plan, cast);
  };
  const acts: readonly Act[] = [
    ...(plan.cutOffMs === undefined
      ? []
      : [{ atMs: -plan.cutOffMs, what: `cut-off of ${plan.target}`, act: () => next.server.cutOff() }]),
    ...plan.troubles.flatMap((trouble) => actsOf(trouble, plan, cast)),
    { atMs: 0, what: `${plan.end} of ${cast.primary}`, act: end },
    { atMs: plan.promotionMs, what: `promotion of ${plan.target}`, act: begin },
  ];
  await playAll(acts, cast.diary);
  for (const subscriber of subscribers) {
    subscriber.moveTo(next.server);
  }
  writer.moveTo(next.server);
  await sleep(plan.repairMs);
  const { diary } = cast;
  await diary.act(`end of ${cast.primary} and its services`, async () => {
    await old.server.kill();
    await old.lose();
  });
  await diary.act('repair of Kafka', () => restoreKafka(cast.kafka), RESTORE_TIMEOUT_MS);
  await diary.act(`repair of the services beside ${plan.target}`, () => next.repair());
  await diary.act(`hand-off on ${plan.target}`, () => handedOver(scene, plan.target, earlier));
  await diary.act(`readiness beside ${plan.target}`, () => next.ready());
  cast.primary = plan.target;
}

/** Each at its time, whether those before have ended or failed. */
async function playAll(acts: readonly Act[], diary: Diary): Promise<void> {
  const begin = performance.now() - Math.min(...acts.map(({ atMs }) => atMs));
  const played = await Promise.allSettled(
    acts.map(async ({ atMs, what, act }) => {
      await sleep(Math.max(0, begin + atMs - performance.now()));
      await diary.act(what, act, RESTORE_TIMEOUT_MS);
    }),
  );
  for (const each of played) {
    if (each.status === 'rejected') {
      throw each.reason;
    }
  }
}

/** What fails, and what brings it back. */
function actsOf({ target, how, atMs, backMs }: Trouble, plan: FailoverPlan, cast: Cast): readonly Act[] {
  const { fail, back } = deedsOf(target, how, plan, cast);
  return [
    { atMs, what: `${how} of ${target}`, act: fail },
    ...(backMs === undefined ? [] : [{ atMs: atMs + backMs, what: `${target} back`, act: back }]),
  ];
}

function deedsOf(
  target: Trouble['target'],
  how: Trouble['how'],
  plan: FailoverPlan,
  cast: Cast,
): { readonly fail: () => Promise<void>; readonly back: () => Promise<void> } {
  const { kafka } = cast;
  if (target === 'kafka') {
    return {
      fail: async () => (how === 'kill' ? await kafka.kill() : kafka.pause()),
      back: () => restoreKafka(kafka),
    };
  }
  const [hosts, half] =
    target === 'other node'
      ? [cast.others(plan.target).map((name) => cast.host(name)), 'both' as const]
      : target === 'old publisher'
        ? [[cast.host(cast.primary)], 'publisher' as const]
        : [[cast.host(plan.target)], target];
  return {
    fail: async () => void (await Promise.all(hosts.map((host) => host.disturb(half, how)))),
    back: async () => void (await Promise.all(hosts.map((host) => host.restore(half)))),
  };
}

async function endOf({ end }: FailoverPlan, primary: PostgresServer): Promise<void> {
  switch (end) {
    case 'kill':
      return primary.kill();
    case 'stop':
      return primary.stop('fast');
    case 'freeze':
      return primary.pause();
  }
}

/** Promotes the standby; its subscribers come while it still recovers or when they were said to, as its writer does. */
async function promote({ target, writerMs, subscribersMs }: FailoverPlan, cast: Cast): Promise<void> {
  const { server } = cast.host(target);
  const come = (): void => cast.subscribers.forEach((subscriber) => subscriber.moveTo(server));
  cast.writer.rest();
  if (subscribersMs === undefined) {
    come();
  }
  await server.promote();
  await Promise.all([
    sleep(writerMs).then(() => cast.writer.moveTo(server)),
    ...(subscribersMs === undefined ? [] : [sleep(subscribersMs).then(come)]),
  ]);
}
