import type { KafkaServer } from '@slotcast/testkit';
import { Cast } from './cast.ts';
import { compareContent } from './content.ts';
import { failOver } from './fail-over.ts';
import { judgeProofs } from './proof.ts';
import { judgeFollowing, regroup } from './regroup.ts';
import type { FailoverPlan, RoundPlan, ServerName } from './round-plan.ts';
import type { StubbornSubscriber } from './subscriber.ts';
import { judgeSlot, type SlotOutcome } from './verdict.ts';

const READY_TIMEOUT_MS = 90_000;

export interface RoundOutcome {
  readonly plan: RoundPlan;
  /** Of each failover that was played. */
  readonly slots: readonly (readonly SlotOutcome[])[];
  readonly findings: readonly string[];
  /** What all services have logged. */
  readonly log: string;
}

/** Plays a history on real servers and compares row by row what each subscriber has got. The broker is left running. */
export async function playRound(plan: RoundPlan, kafka: KafkaServer): Promise<RoundOutcome> {
  await using cast = await Cast.assemble(plan, kafka);
  const slots: (readonly SlotOutcome[])[] = [];
  const findings: string[] = [];
  try {
    await begin(plan, cast);
    findings.push(...(await proofsOf(plan.standbys, plan, cast)));
    let readable: readonly StubbornSubscriber[] = cast.subscribers;
    for (const [index, failover] of plan.failovers.entries()) {
      const others = cast.others(failover.target);
      await failOver(failover, cast);
      const outcomes = await compareContent(readable, cast);
      slots.push(outcomes);
      findings.push(...outcomes.flatMap(judgeSlot).map((text) => `promotion ${index + 1}: ${text}`));
      readable = readable.filter(({ slot }) => outcomes.some((each) => each.slot === slot && each.isInReach));
      findings.push(...(await goOn(others, plan.failovers[index + 1], plan, cast)));
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    findings.push(text.slice(0, 2000));
  }
  return { plan, slots, findings, log: await cast.logs() };
}

async function begin(plan: RoundPlan, cast: Cast): Promise<void> {
  for (const host of cast.hosts) {
    await host.repair();
  }
  await Promise.all(cast.hosts.map((host) => host.ready()));
  for (const { slot } of plan.subscribers) {
    for (const name of plan.standbys) {
      await cast.scene.records.waitForState(name, slot, 'ready', { timeoutMs: READY_TIMEOUT_MS });
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
