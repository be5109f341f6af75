import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KafkaServer, startKafka } from '@slotcast/testkit';
import { RandomSource } from '../support/random-source.ts';
import { playRound, type RoundOutcome } from './round.ts';
import { drawRound, tellRound } from './round-plan.ts';

/** Where what was found is kept. */
const FOLDER = fileURLToPath(new URL('../../coverage/chaos', import.meta.url));

export interface ChaosOptions {
  /** Of the first history; the next has the next number. */
  readonly seed: number;
  /** No history is begun after that. */
  readonly minutes: number;
  /** Goes on after a finding. */
  readonly all: boolean;
  /** Plays none that take minutes: each has one standby and one promotion. */
  readonly onlyShort: boolean;
  /** Keeps what was logged of each history, not only of those in which something was found. */
  readonly keepsAll: boolean;
  /** Told what happens, a line at a time. */
  readonly say: (line: string) => void;
}

export interface ChaosTotals {
  readonly rounds: number;
  /** Lines that name the seed. */
  readonly findings: readonly string[];
  /** What was tried, in words. */
  readonly told: string;
}

/** Plays one history after the other on real servers until the time is over or something is found. */
export async function runChaos({
  seed,
  minutes,
  all,
  onlyShort,
  keepsAll,
  say,
}: ChaosOptions): Promise<ChaosTotals> {
  await using kafka: KafkaServer = await startKafka();
  const end = performance.now() + minutes * 60_000;
  const findings: string[] = [];
  const outcomes: RoundOutcome[] = [];
  for (let next = seed; performance.now() < end && (all || findings.length === 0); next += 1) {
    const plan = drawRound(next, new RandomSource(next), onlyShort);
    say(`seed ${plan.seed}: ${tellRound(plan)}`);
    const begun = performance.now();
    const outcome = await playRound(plan, kafka);
    say(`  ${((performance.now() - begun) / 1000).toFixed(1)} s; ${tellOutcome(outcome)}`);
    findings.push(...outcome.findings.map((finding) => `seed ${plan.seed}: ${finding}`));
    if (outcome.findings.length > 0 || keepsAll) {
      const again = `npm run chaos -- --seed ${plan.seed}${onlyShort ? ' --short' : ''}`;
      say(`  kept in ${await keep(outcome, again)}; again: ${again}`);
    }
    outcomes.push(outcome);
  }
  return { rounds: outcomes.length, findings, told: tellTotals(outcomes) };
}

/** How often each became of a slot, so that one sees what was not tried at all. */
function tellTotals(outcomes: readonly RoundOutcome[]): string {
  const failovers = outcomes.flatMap(({ slots }) => slots);
  const counts = new Map<string, number>();
  for (const { reported = 'goes on' } of failovers.flat()) {
    counts.set(reported, (counts.get(reported) ?? 0) + 1);
  }
  const quarantine = outcomes.filter(({ plan }) => plan.policy === 'quarantine');
  return [
    `${outcomes.length} histories with ${failovers.length} promotions`,
    `${quarantine.flatMap(({ slots }) => slots).length} of them under policy quarantine`,
    `slots: ${[...counts].map(([what, count]) => `${count} ${what}`).join(', ')}`,
  ].join('; ');
}

function tellOutcome({ slots, findings }: RoundOutcome): string {
  const told = slots.map((failover) =>
    failover
      .map(
        ({ slot, missing, reported }) => `${slot} ${reported ?? 'goes on'}, ${missing.length} rows missing`,
      )
      .join('; '),
  );
  return [told.join(' | '), ...findings.map((finding) => `FOUND: ${finding}`)].join('; ');
}

async function keep({ plan, slots, findings, log }: RoundOutcome, again: string): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `${plan.seed}.txt`);
  await writeFile(
    file,
    `${again}\n${tellRound(plan)}\n${findings.join('\n')}\n${JSON.stringify(slots, null, 1)}\n\n${log}`,
  );
  return file;
}
