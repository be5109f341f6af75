import {
  type LocalSlot,
  type Plan,
  type RestartGap,
  restartGaps,
  type SlotEvent,
  type SlotName,
} from '@slotcast/domain';
import { Doorbell } from '@slotcast/kernel';
import type { ServerSettings, StandbyView } from '../standby-server.ts';

/** What matters here of a look at the standby. */
type SeenSlots = Pick<StandbyView, 'replayLsn' | 'slots' | 'unreadable'> & {
  readonly settings: Pick<ServerSettings, 'slotLimits' | 'maxReplicationSlots'>;
};

/** What the session's loop saw and planned last. */
export interface RestartFacts {
  readonly view: SeenSlots;
  readonly plan: Plan;
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
  /** Somebody waits for an answer about the slots: nothing new is begun meanwhile. */
  readonly urgent: boolean;
}

/** A round may be away so long while nothing changes. */
const ROUND_MS = 10_000;

/** Hands what the loop knows to the work beside it. */
export class FactsBoard {
  readonly #news = new Doorbell();
  readonly #loop: Doorbell;
  #facts: RestartFacts | undefined;
  #rounds = 0;

  /** `loop` rings the loop for a round. */
  constructor(loop: Doorbell) {
    this.#loop = loop;
  }

  /** `undefined` when the loop knows nothing that may be acted upon. */
  put(facts: RestartFacts | undefined): void {
    this.#facts = facts;
    this.#rounds += 1;
    this.#news.ring();
  }

  get newest(): RestartFacts | undefined {
    return this.#facts;
  }

  /** Waits for a round that has looked at the server after this call. */
  async next(signal: AbortSignal): Promise<RestartFacts | undefined> {
    // The round that is under way may have looked before.
    const wanted = this.#rounds + 2;
    while (this.#rounds < wanted) {
      this.#loop.ring();
      await this.#news.wait(ROUND_MS, signal);
    }
    return this.#facts;
  }

  /** A slot as the last round saw it; absent when it is not to be worked on. */
  gapOf(slot: SlotName): RestartGap | undefined {
    const local = this.local(slot);
    const facts = this.#facts;
    const verdict = facts?.plan.verdicts.find((entry) => entry.slot === slot);
    if (facts === undefined || local === undefined || verdict === undefined) {
      return undefined;
    }
    return restartGaps({ ...facts, verdicts: [verdict], local: [local] })[0];
  }

  local(slot: SlotName): LocalSlot | undefined {
    return this.#facts?.view.slots.find(({ name }) => name === slot);
  }
}
