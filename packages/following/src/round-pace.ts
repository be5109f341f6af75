import { restPause, usualDuration } from '@slotcast/domain';

/** The standby is looked at this often while nothing happens. */
export const IDLE_MS = 500;
/** Of the time for rounds in which nothing is to be done. It may be little: a record rings, and the end of recovery is watched for besides. */
const REST_SHARE = 0.0025;

/** How long the loop pauses while nothing happens: by what a round at rest takes, all of it, so that hundreds of slots do not become a load. */
export class RoundPace {
  #usualMs = 1;

  /** To be told of every round how long it took. One that had something to do, or somebody to answer, says nothing of those that have not. */
  took(
    ms: number,
    round: { readonly stepped: boolean; readonly moved: boolean; readonly urgent: boolean },
  ): void {
    if (!round.stepped && !round.moved && !round.urgent) {
      this.#usualMs = usualDuration(this.#usualMs, ms);
    }
  }

  /** The longest pause while nothing happens. */
  get restMs(): number {
    return restPause({ usualMs: this.#usualMs, idleMs: IDLE_MS, share: REST_SHARE });
  }
}
