import { errorText } from '@slotcast/kernel';
import type { KafkaServer } from '@slotcast/testkit';
import { Cast } from './cast.ts';
import { compareContent } from './content.ts';
import { Diary } from './diary.ts';
import { failOver } from './fail-over.ts';
import { judgeProofs } from './proof.ts';
import { judgeFollowing, regroup } from './regroup.ts';
import type { FailoverPlan, RoundPlan, ServerName } from './round-plan.ts';
import type { StubbornSubscriber } from './subscriber.ts';
import { judgeSlot, type SlotOutcome } from './verdict.ts';

const READY_TIMEOUT_MS = 90_000;
/** For each standby and each promotion. */
const SHARE_OF_HISTORY_MS = 150_000;

export interface RoundOutcome {
  readonly plan: RoundPlan;
  /** Of each failover that was played. */
  readonly slots: readonly (readonly SlotOutcome[])[];
  readonly findings: readonly string[];
  /** What was done, and when, and what all services and servers have logged. */
  readonly log: string;
}

/**
 * Plays a history on real servers and compares row by row what each subscriber has got. The broker is left running. Never throws: what fails, or does not end, is a finding, too, and
 * leaves its logs.
 */
export async function playRound(plan: RoundPlan, kafka: KafkaServer): Promise<RoundOutcome> {
  const diary = new Diary();
  const slots: (readonly SlotOutcome[])[] = [];
  const findings: string[] = [];
  const logs: string[] = [];
  let cast: Cast | undefined;
  try {
    cast = await diary.act('start of the servers', () => Cast.assemble(plan, { kafka, diary }));
    const all = { cast, slots, findings };
    await diary.history(() => play(plan, all), historyTimeoutMs(plan));
  } catch (error) {
    findings.push(errorText(error).slice(0, 2000));
  }
  try {
    logs.push((await cast?.logs()) ?? '');
    await cast?.end();
  } catch (error) {
    findings.push(errorText(error).slice(0, 2000));
  }
  return { plan, slots, findings, log: [diary.text(), ...logs].join('\n\n') };
}

/** How long a history may take on a machine that is busy with other things; alone it takes a third of that. */
function historyTimeoutMs({ standbys, failovers }: RoundPlan): number {
  return (standbys.length + failovers.length) * SHARE_OF_HISTORY_MS;
}

async function play(
  plan: RoundPlan,
  {
    cast,
    slots,
    findings,
  }: { readonly cast: Cast; readonly slots: (readonly SlotOutcome[])[]; readonly findings: string[] },
): Promise<void> {
  await begin(plan, cast);
  findings.push(...(await proofsOf(plan.standbys, plan, cast)));
  let readable: readonly StubbornSubscriber[] = cast.subscribers;
  for (const [index, failover] of plan.failovers.entries()) {
    const others = cast.others(failover.target);
    await failOver(failover, cast);
    const outcomes = await cast.diary.act('comparison of the rows', () => compareContent(readable, cast));
    slots.push(outcomes);
    findings.push(...outcomes.flatMap(judgeSlot).map((text) => `promotion ${index + 1}: ${text}`));
    readable = readable.filter(({ slot }) => outcomes.some((each) => each.slot === slot && each.isInReach));
    findings.push(...(await goOn(others, plan.failovers[index + 1], plan, cast)));
  }
}

async function begin(plan: RoundPlan, cast: Cast): Promise<void> {
  const { diary, hosts, scene } = cast;
  for (const host of hosts) {
    await diary.act(`start of the services beside ${host.server.name}`, () => host.repair());
  }
  await diary.act('readiness of the services', () => Promise.all(hosts.map((host) => host.ready())));
  for (const { slot } of plan.subscribers) {
    for (const name of plan.standbys) {
      await diary.act(`${slot} ready on ${name}`, () =>
        scene.records.waitForState(name, slot, 'ready', { timeoutMs: READY_TIMEOUT_MS }),
      );
    }
  }
}

/** After a failover: who was a standby follows the new primary, and so does the former primary if it is to be promoted next. */
async function goOn(
  others: readonly ServerName[],
  next: FailoverPlan | undefined,
  plan: RoundPlan,
  cast: Cast,
): Promise<readonly string[]> {
  const standbys = [...new Set([...others, ...(next === undefined ? [] : [next.target])])];
  cast.writer.moveTo(cast.host(cast.primary).server);
  await regroup(standbys, cast);
  const findings = await Promise.all(standbys.map((name) => judgeFollowing(name, cast)));
  return [...findings.flat(), ...(await proofsOf(standbys, plan, cast))];
}

async function proofsOf(
  standbys: readonly ServerName[],
  plan: RoundPlan,
  cast: Cast,
): Promise<readonly string[]> {
  const findings: string[] = [];
  for (const name of plan.verifies ? standbys : []) {
    findings.push(...(await judgeProofs(name, cast)));
  }
  return findings;
}
