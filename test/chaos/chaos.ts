import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KafkaServer, startKafka } from '@slotcast/testkit';
import { RandomSource } from '../support/random-source.ts';
import { playRound, type RoundOutcome } from './round.ts';
import { drawRound, type RoundPlan, tellRound } from './round-plan.ts';

/** Where what was found is kept. */
const FOLDER = fileURLToPath(new URL('../../coverage/chaos', import.meta.url));

export interface ChaosOptions {
  /** Of the first history; the next has the next number. */
  readonly seed: number;
  /** No history is begun after that. */
  readonly minutes: number;
  /** Goes on after a finding. */
  readonly all: boolean;
  /** Leaves out histories that take minutes: those with a second standby or a second promotion. */
  readonly onlyShort: boolean;
  /** Told what happens, a line at a time. */
  readonly say: (line: string) => void;
}

export interface ChaosTotals {
  readonly rounds: number;
  /** Lines that name the seed. */
  readonly findings: readonly string[];
}

/** Plays one history after the other on real servers until the time is over or something is found. */
export async function runChaos({ seed, minutes, all, onlyShort, say }: ChaosOptions): Promise<ChaosTotals> {
  await using kafka: KafkaServer = await startKafka();
  const end = performance.now() + minutes * 60_000;
  const findings: string[] = [];
  let rounds = 0;
  for (let next = seed; performance.now() < end && (all || findings.length === 0); next += 1) {
    const plan = drawRound(next, new RandomSource(next));
    if (onlyShort && !isShort(plan)) {
      continue;
    }
    say(`seed ${plan.seed}: ${tellRound(plan)}`);
    const begun = performance.now();
    const outcome = await playRound(plan, kafka);
    say(`  ${((performance.now() - begun) / 1000).toFixed(1)} s; ${tellOutcome(outcome)}`);
    findings.push(...outcome.findings.map((finding) => `seed ${plan.seed}: ${finding}`));
    if (outcome.findings.length > 0) {
      say(`  kept in ${await keep(outcome)}`);
    }
    rounds += 1;
  }
  return { rounds, findings };
}

function isShort({ standbys, failovers }: RoundPlan): boolean {
  return standbys.length === 1 && failovers.length === 1;
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

async function keep({ plan, slots, findings, log }: RoundOutcome): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `${plan.seed}.txt`);
  await writeFile(
    file,
    `${tellRound(plan)}\n${findings.join('\n')}\n${JSON.stringify(slots, null, 1)}\n\n${log}`,
  );
  return file;
}
