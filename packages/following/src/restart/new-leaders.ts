import {
  type Lsn,
  NEW_LEADER_MS,
  type NewLeaderFacts,
  type RestartGap,
  type SlotName,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** After one waited in vain for a point to start from, none is tried for so long. */
const REST_MS = 30_000;

/** What was learnt of leading slots that are no copies of others. */
export class NewLeaders {
  readonly #clock: Clock;
  readonly #fromMs: number;
  #restsUntil = 0;
  /** With the restart_lsn that they had then; one that has another by now was helped. */
  readonly #leftBehind = new Map<SlotName, { readonly since: number; readonly restartLsn: Lsn }>();

  constructor(clock: Clock, fromMs = NEW_LEADER_MS) {
    this.#clock = clock;
    this.#fromMs = fromMs;
  }

  /** None could start. */
  waitedInVain(): void {
    this.#restsUntil = this.#clock.monotonicMs() + REST_MS;
  }

  /** One began beyond where these slots stand. */
  leftBehind(gaps: readonly RestartGap[]): void {
    const since = this.#clock.monotonicMs();
    gaps.forEach(({ slot, restartLsn }) => this.#leftBehind.set(slot, { since, restartLsn }));
  }

  facts(gaps: readonly RestartGap[]): NewLeaderFacts {
    const now = this.#clock.monotonicMs();
    const restartLsns = new Map(gaps.map(({ slot, restartLsn }) => [slot, restartLsn]));
    for (const [slot, { restartLsn }] of this.#leftBehind) {
      if (restartLsns.get(slot) !== restartLsn) {
        this.#leftBehind.delete(slot);
      }
    }
    return {
      mayStart: now >= this.#restsUntil,
      fromMs: this.#fromMs,
      leftBehind: new Map([...this.#leftBehind].map(([slot, { since }]) => [slot, now - since])),
    };
  }
}
