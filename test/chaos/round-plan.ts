import type { PostgresMajor } from '@slotcast/testkit';
import type { RandomSource } from '../support/random-source.ts';

const troubleTargets = ['kafka', 'consumer', 'publisher', 'old publisher', 'other node'] as const;
type TroubleTarget = (typeof troubleTargets)[number];

/** The names of the servers. */
export type ServerName = 'primary' | 's1' | 's2';

/** Something that fails around a promotion, until it comes back or all is repaired. */
export interface Trouble {
  /**
   * `consumer` and `publisher` are beside the standby that is promoted, `old publisher` is beside the primary, `other node` has both services of the
   * standby that is not promoted. In one process for both halves it is the process.
   */
  readonly target: TroubleTarget;
  readonly how: 'kill' | 'freeze';
  /** Milliseconds after the primary's end; negative: before it. */
  readonly atMs: number;
  /** Milliseconds after that until it is there again; when not given, the repair brings it back. */
  readonly backMs: number | undefined;
}

/** A primary that ends while other things fail, a promotion, and the repair of all but the primary. */
export interface FailoverPlan {
  /** Who is promoted: a standby, or the former primary, once it has become a standby itself. */
  readonly target: ServerName;
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
  /** Milliseconds from the end of recovery until subscribers come; when not given, they come while the standby still recovers. */
  readonly subscribersMs: number | undefined;
  /** Milliseconds from the end of recovery to the repair. */
  readonly repairMs: number;
}

/** One history: a cluster that works, and one failover after the other. */
export interface RoundPlan {
  readonly seed: number;
  readonly major: PostgresMajor;
  /** What runs beside each server: one process for both halves, or two. */
  readonly deployment: 'node' | 'two services';
  readonly policy: 'fence' | 'quarantine';
  /** The services keep on disk what they know last. */
  readonly keepsState: boolean;
  readonly standbys: readonly ServerName[];
  readonly subscribers: readonly {
    readonly slot: string;
    /** Asks for the position that it has stored itself, as Debezium and apply workers do, not for that of the slot. */
    readonly remembers: boolean;
  }[];
  /** `slotcast verify` is asked on each standby while nothing fails. */
  readonly verifies: boolean;
  readonly failovers: readonly FailoverPlan[];
}

/** Draws a history; a short one has one standby and one promotion. Of two seeds in a row one is of each policy, so that a few histories have both. */
export function drawRound(seed: number, random: RandomSource, isShort = false): RoundPlan {
  const policy = seed % 2 === 0 ? 'quarantine' : 'fence';
  const standbys: readonly ServerName[] = !isShort && random.chance(50) ? ['s1', 's2'] : ['s1'];
  const first = random.pick(standbys);
  const second = random.pick(
    (['primary', 's1', 's2'] as const).filter((name) => isFree(name, first, standbys)),
  );
  return {
    seed,
    major: random.weighted([
      [18, 2],
      [17, 1],
      [16, 1],
    ]),
    deployment: random.pick(['node', 'two services']),
    policy,
    keepsState: random.chance(50),
    standbys,
    subscribers: Array.from({ length: 2 + random.below(2) }, (_, index) => ({
      slot: `app${index + 1}`,
      remembers: random.chance(70),
    })),
    verifies: random.chance(40),
    failovers: [first, ...(!isShort && random.chance(40) ? [second] : [])].map((target) =>
      drawFailover({ target, policy, hasOther: standbys.length > 1 }, random),
    ),
  };
}

function isFree(name: ServerName, promoted: ServerName, standbys: readonly ServerName[]): boolean {
  return name !== promoted && (name === 'primary' || standbys.includes(name));
}

/** Without somebody who is ahead there is nothing to quarantine, and in use a slot cannot be put away. */
function drawFailover(
  {
    target,
    policy,
    hasOther,
  }: { readonly target: ServerName; readonly policy: RoundPlan['policy']; readonly hasOther: boolean },
  random: RandomSource,
): FailoverPlan {
  const isQuarantine = policy === 'quarantine';
  return {
    target,
    cutOffMs: random.chance(isQuarantine ? 80 : 60) ? 300 + random.below(1500) : undefined,
    end: random.weighted([
      ['kill', 3],
      ['stop', 1],
      ['freeze', 1],
    ]),
    isHostLost: random.chance(60),
    troubles: drawTroubles(hasOther, random),
    promotionMs: random.below(2000),
    writerMs: random.pick([0, 200, 1000]),
    subscribersMs: drawArrival(isQuarantine, random),
    repairMs: 1000 + random.below(4000),
  };
}

/** A slot that is in use cannot be put away: only who comes late meets a quarantine. */
function drawArrival(isQuarantine: boolean, random: RandomSource): number | undefined {
  if (isQuarantine) {
    return random.chance(75) ? 1000 + random.below(5000) : undefined;
  }
  return random.chance(30) ? 500 + random.below(3500) : undefined;
}

function drawTroubles(hasOther: boolean, random: RandomSource): readonly Trouble[] {
  const left = new Set<TroubleTarget>(troubleTargets.filter((name) => hasOther || name !== 'other node'));
  return Array.from({ length: 1 + random.below(3) }, () => {
    const target = random.pick([...left]);
    left.delete(target);
    return {
      target,
      how: random.pick(['kill', 'freeze'] as const),
      atMs: random.below(3500) - 2000,
      backMs: random.chance(50) ? 100 + random.below(3000) : undefined,
    };
  });
}

/** The history in words, a line for its beginning and one for each failover. */
export function tellRound(plan: RoundPlan): string {
  const subscribers = plan.subscribers.map(
    ({ slot, remembers }) => `${slot}${remembers ? ' (asks for its own position)' : ''}`,
  );
  const begin = [
    `PostgreSQL ${plan.major}, ${plan.deployment}, policy ${plan.policy}${plan.keepsState ? ', state on disk' : ''}`,
    `standbys ${plan.standbys.join(' and ')}${plan.verifies ? ', verified' : ''}`,
    ...subscribers,
  ];
  return [begin.join(', '), ...plan.failovers.map(tellFailover)].join('\n    ');
}

function tellFailover(plan: FailoverPlan): string {
  const troubles = plan.troubles.map(
    ({ target, how, atMs, backMs }) =>
      `${target} ${how === 'kill' ? 'killed' : 'frozen'} at ${atMs} ms${backMs === undefined ? '' : ` for ${backMs} ms`}`,
  );
  return [
    `to ${plan.target}`,
    plan.cutOffMs === undefined ? 'standby streams' : `standby cut off at ${-plan.cutOffMs} ms`,
    ...troubles,
    `primary ${{ kill: 'killed', stop: 'stopped', freeze: 'frozen' }[plan.end]} at 0 ms${plan.isHostLost ? ' with its services' : ''}`,
    `promotion at ${plan.promotionMs} ms, first row ${plan.writerMs} ms and repair ${plan.repairMs} ms after it`,
    plan.subscribersMs === undefined
      ? 'subscribers before it'
      : `subscribers ${plan.subscribersMs} ms after it`,
  ].join('; ');
}
