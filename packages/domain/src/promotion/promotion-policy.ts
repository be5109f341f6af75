import { NODE_STALE_MS } from '../vocabulary/protocol-timings.ts';
import type { PromotionRisk } from './promotion-verdict.ts';

export const promotionPolicies = ['strict', 'balanced', 'never'] as const;
/**
 * What stops a promotion. `strict`: any risk. `balanced`: a loss that another candidate would avoid, and only for a bounded time. `never`: nothing, what is at risk is told
 * only.
 */
export type PromotionPolicy = (typeof promotionPolicies)[number];

/**
 * With `balanced`, a cluster whose publisher has been silent for so long has had its chance: a better candidate that has not been promoted by then is not there, or does not
 * want to be. Twice the usual ttl of Patroni, so that another one has had its turn.
 */
export const BALANCED_STOP_MS = 2 * NODE_STALE_MS;

/** Another standby, as it told of itself last. */
export interface OtherCandidate {
  readonly node: string;
  /** It has not been heard of lately: nobody waits for it. */
  readonly stale: boolean;
  /** Slots that it could not take over. */
  readonly lost: ReadonlySet<string>;
  /** Slots whose subscribers have confirmed WAL that it does not have. */
  readonly ahead: ReadonlySet<string>;
}

/** A slot at risk here that another node would save. */
export interface BetterNode {
  readonly slot: string;
  readonly node: string;
}

/** `stop`: do not promote; `better` is empty where that is because of the whole cluster, or by the policy `strict`. */
export type PromotionDecision =
  | { readonly kind: 'go' }
  | { readonly kind: 'stop'; readonly better: readonly BetterNode[] }
  | { readonly kind: 'cannot_tell' };

export interface PromotionQuestion {
  readonly policy: PromotionPolicy;
  readonly slots: readonly { readonly slot: string; readonly risk: PromotionRisk }[];
  /** The code of the reason why nothing can be concluded from the topic. */
  readonly alarm: string | undefined;
  /** SLOTCAST_SLOTS is in doubt. */
  readonly isFilterDoubted: boolean;
  /** All that could change the answer was read, and is recent. */
  readonly isKnown: boolean;
  readonly publisherSilentMs: number;
  /** Absent when nobody could look at them. */
  readonly others: readonly OtherCandidate[] | undefined;
}

/** Somebody else is the primary, or is about to be: whoever promotes here makes another one. */
const rivalry: readonly string[] = ['split_brain', 'later_timeline', 'other_branch'];

/**
 * Decides whether a standby is promoted. With `balanced` a subscriber that is ahead stops nothing as such, as some always are, and the fence is for that; nor does a slot
 * that nobody has ready: nothing becomes better by a cluster without a primary.
 */
export function decidePromotion(question: PromotionQuestion): PromotionDecision {
  const { policy, slots, alarm, isFilterDoubted, isKnown } = question;
  const isRisky = slots.some(({ risk }) => risk !== 'none');
  switch (policy) {
    case 'never':
      return { kind: 'go' };
    case 'strict':
      return alarm !== undefined || isFilterDoubted || isRisky
        ? { kind: 'stop', better: [] }
        : isKnown
          ? { kind: 'go' }
          : { kind: 'cannot_tell' };
    case 'balanced':
      return decideBalanced(question, isRisky);
  }
}

function decideBalanced(question: PromotionQuestion, isRisky: boolean): PromotionDecision {
  const { alarm, isKnown, publisherSilentMs, others } = question;
  const mayWait = publisherSilentMs < BALANCED_STOP_MS;
  const better = mayWait ? betterNodes(question) : [];
  if (better.length > 0 || (mayWait && alarm !== undefined && rivalry.includes(alarm))) {
    return { kind: 'stop', better };
  }
  const isAsked = others !== undefined || !isRisky || !mayWait;
  return isKnown && isAsked && alarm === undefined ? { kind: 'go' } : { kind: 'cannot_tell' };
}

/** By nodes that would save a slot at risk here, and lose none that is not lost here. */
function betterNodes({ slots, others = [] }: PromotionQuestion): BetterNode[] {
  const of = (wanted: PromotionRisk): readonly string[] =>
    slots.filter(({ risk }) => risk === wanted).map(({ slot }) => slot);
  const [lost, ahead] = [of('not_ready'), of('diverged')];
  return others
    .filter((other) => !other.stale && [...other.lost].every((slot) => lost.includes(slot)))
    .flatMap((other) => [
      ...lost.filter((slot) => !other.lost.has(slot)).map((slot) => ({ slot, node: other.node })),
      ...ahead
        .filter((slot) => !other.ahead.has(slot) && !other.lost.has(slot))
        .map((slot) => ({ slot, node: other.node })),
    ]);
}
