import { ownedLogical, type Promotion, type SlotName } from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import { readServerIdentity, readWalEnd } from '@slotcast/postgres';
import { tellAllUnknown } from './promotion-report.ts';
import type { OwnSlots } from './promotion-safety.ts';
import type { GuardSite } from './recovery-guard.ts';

/** So long Kafka has to tell whether other servers act as primary, or whether the slots are handed over. */
const PATIENCE_MS = 3000;

/** What a process knows of the time before a promotion. */
export interface BeforePromotion {
  readonly own: OwnSlots;
  /** When recovery was seen to end, by the monotonic clock; absent when no process of the node saw it. */
  readonly endedAtMs: number | undefined;
  /** What was done for the promotion so far, and told. */
  readonly acted: Promotion | undefined;
}

/**
 * A promotion of which the topics have told nothing yet, as Kafka is away. The fence says where subscribers were when recovery ended. Where they went since, at a former primary that is still at work or at
 * another standby that was promoted as well, is known by the topics alone; and where no process of the node saw the promotion, also whether the slots are handed over. So nothing is done to the slots; each is told of.
 */
export class UnansweredPromotion {
  readonly #options: { readonly clock: Clock; readonly logger: Logger };
  #sinceMs: number | undefined;
  #answeredAtMs: number | undefined;
  #heardAtMs: number | undefined;
  #isSettled = false;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
  }

  /** True when what is kept of the time as a standby is of no use any more: the slots are handed over, and that is on record. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The server is followed as a standby. */
  begin(): void {
    this.#sinceMs = undefined;
    this.#answeredAtMs = undefined;
    this.#heardAtMs = undefined;
    this.#isSettled = false;
  }

  /** The topics were read to their end while the server was a primary: whoever else acts as one is known by them. */
  heard(): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
  }

  /** The topics have told what there is to do. */
  answered(): void {
    this.#answeredAtMs = this.#options.clock.monotonicMs();
  }

  settled(): void {
    this.answered();
    this.#isSettled = true;
  }

  /** To be called with each look at a primary. `before` is absent where the process knows nothing of the time as a standby. */
  async look({ connection, signal }: GuardSite, before: BeforePromotion | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    const now = clock.monotonicMs();
    const since = Math.max(this.#sinceMs ?? now, before?.endedAtMs ?? 0);
    this.#sinceMs = since;
    if (before === undefined || this.#isAnswered(before) || now - since < PATIENCE_MS) {
      return;
    }
    const { own } = before;
    const { systemIdentifier } = await readServerIdentity(connection, signal);
    const { timeline } = await readWalEnd(connection, signal);
    this.answered();
    if (systemIdentifier === own.systemIdentifier && timeline > own.history.timeline) {
      const slots = untold(ownedLogical(own.ownership), before.acted);
      const seen = before.endedAtMs !== undefined;
      logger.warn(
        { timeline, seen, slots: slots.length },
        'the topics have not told of this promotion yet, as Kafka is away or what reads them is held up: nobody can say whether another server acts as primary, where subscribers went on',
      );
      // It may be known in a moment that there is nothing to tell.
      tellAllUnknown(slots, logger, seen ? 'warn' : 'error');
    }
  }

  /** Where the promotion was not seen, what is to be done by the topics tells of each slot, and not that they were read. An answer from before it is none. */
  #isAnswered({ endedAtMs }: BeforePromotion): boolean {
    const answers = endedAtMs === undefined ? [this.#answeredAtMs] : [this.#answeredAtMs, this.#heardAtMs];
    return answers.some((atMs) => atMs !== undefined && (endedAtMs === undefined || atMs >= endedAtMs));
  }
}

function untold(slots: Iterable<SlotName>, acted: Promotion | undefined): readonly SlotName[] {
  const ahead = acted?.ahead.filter(({ outcome }) => outcome !== 'fenced') ?? [];
  const told = new Set([...ahead, ...(acted?.lost ?? [])].map(({ slot }) => slot));
  return [...slots].filter((slot) => !told.has(slot));
}
