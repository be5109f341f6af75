import type { PostgresMajor } from '@slotcast/testkit';
import type { RandomSource } from '../support/random-source.ts';

const troubleTargets = ['kafka', 'consumer', 'publisher', 'old publisher'] as const;
export type TroubleTarget = (typeof troubleTargets)[number];

/** Something that fails around a promotion, until all is repaired. */
export interface Trouble {
  /** Beside the standby unless it is the publisher of the old primary. In one process for both halves it is the process. */
  readonly target: TroubleTarget;
  readonly how: 'kill' | 'freeze';
  /** Milliseconds after the primary's end; negative: before it. */
  readonly atMs: number;
}

/** One history: a cluster that works, a primary that ends while other things fail, a promotion, and the repair of all but the primary. */
export interface RoundPlan {
  readonly seed: number;
  readonly major: PostgresMajor;
  /** What runs beside each server: one process for both halves, or two. */
  readonly deployment: 'node' | 'two services';
  readonly policy: 'fence' | 'quarantine';
  readonly subscribers: readonly {
    readonly slot: string;
    /** Asks for the position that it has stored itself, as Debezium and apply workers do, not for that of the slot. */
    readonly remembers: boolean;
  }[];
  /** How long before the primary's end the standby gets no WAL any more, so that subscribers get ahead of it. */
  readonly cutOffMs: number | undefined;
  readonly end: 'kill' | 'stop' | 'freeze';
  /** The services of the primary die with it, as when its host does. */
  readonly isHostLost: boolean;
  readonly troubles: readonly Trouble[];
  /** Milliseconds from the primary's end to the promotion. */
  readonly promotionMs: number;
  /** Milliseconds from the end of recovery to the first row that is written on the new primary. */
  readonly writerMs: number;
  /** Milliseconds from the end of recovery to the repair. */
  readonly repairMs: number;
}

/** Draws a history. */
export function drawRound(seed: number, random: RandomSource): RoundPlan {
  const count = 2 + random.below(2);
  return {
    seed,
    major: random.weighted([
      [18, 2],
      [17, 1],
      [16, 1],
    ]),
    deployment: random.pick(['node', 'two services']),
    policy: random.weighted([
      ['fence', 3],
      ['quarantine', 1],
    ]),
    subscribers: Array.from({ length: count }, (_, index) => ({
      slot: `app${index + 1}`,
      remembers: random.chance(70),
    })),
    cutOffMs: random.chance(60) ? 300 + random.below(1500) : undefined,
    end: random.weighted([
      ['kill', 3],
      ['stop', 1],
      ['freeze', 1],
    ]),
    isHostLost: random.chance(60),
    troubles: drawTroubles(random),
    promotionMs: random.below(2000),
    writerMs: random.pick([0, 200, 1000]),
    repairMs: 1000 + random.below(4000),
  };
}

function drawTroubles(random: RandomSource): readonly Trouble[] {
  const left = new Set<TroubleTarget>(troubleTargets);
  return Array.from({ length: 1 + random.below(2) }, () => {
    const target = random.pick([...left]);
    left.delete(target);
    return { target, how: random.pick(['kill', 'freeze'] as const), atMs: random.below(3500) - 2000 };
  });
}

/** The history in words, one line. */
export function tellRound(plan: RoundPlan): string {
  const subscribers = plan.subscribers.map(
    ({ slot, remembers }) => `${slot}${remembers ? ' (asks for its own position)' : ''}`,
  );
  const troubles = plan.troubles.map(
    ({ target, how, atMs }) => `${target} ${how === 'kill' ? 'killed' : 'frozen'} at ${atMs} ms`,
  );
  return [
    `PostgreSQL ${plan.major}, ${plan.deployment}, policy ${plan.policy}, ${subscribers.join(', ')}`,
    plan.cutOffMs === undefined ? 'standby streams' : `standby cut off at ${-plan.cutOffMs} ms`,
    ...troubles,
    `primary ${{ kill: 'killed', stop: 'stopped', freeze: 'frozen' }[plan.end]} at 0 ms${plan.isHostLost ? ' with its services' : ''}`,
    `promotion at ${plan.promotionMs} ms, first row ${plan.writerMs} ms and repair ${plan.repairMs} ms after it`,
  ].join('; ');
}
