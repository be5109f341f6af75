import type { Hold, SlotName } from '@slotcast/domain';
import { Deadline, type Doorbell } from '@slotcast/kernel';

/** A slot that is held by this keeps the reasons that it has. */
const UPKEEP: Hold = { reasons: [], pausing: true, cause: 'upkeep' };
/** A round comes at least this often; when none does, the session has other worries. */
const GRANT_MS = 10_000;

interface Request {
  readonly slots: readonly SlotName[];
  readonly grant: (given: ReadonlySet<SlotName>) => void;
}

/** None of the slots became free in time. */
export class NotGrantedError extends Error {
  override readonly name = 'NotGrantedError';
}

/**
 * Slots that background work has for itself for a moment. The session's loop gives them away between two of its rounds, when none of its own steps
 * is under way, and takes no step with them until they are given back. A round that looked at the server before that leaves them alone, too: it may
 * have seen them in the middle of the work.
 */
export class SlotGrants {
  readonly #doorbell: Doorbell;
  readonly #asked = new Set<Request>();
  /** With the slots that it has got. */
  readonly #granted = new Map<Request, ReadonlySet<SlotName>>();
  #seenInWork: readonly SlotName[] = [];

  constructor(doorbell: Doorbell) {
    this.#doorbell = doorbell;
  }

  /** To be called before a round looks at the server. `busy`: slots that other work has, too. */
  looks(busy: Iterable<SlotName>): void {
    this.#seenInWork = [...this.#given(), ...busy];
  }

  /** To be called when the round plans: what is asked for is given, but for what is `busy`, and no step may be planned for either. */
  holds(busy: ReadonlySet<SlotName>): ReadonlyMap<SlotName, Hold> {
    for (const request of this.#asked) {
      const free = request.slots.filter((slot) => !busy.has(slot));
      if (free.length > 0 && !this.#granted.has(request)) {
        this.#granted.set(request, new Set(free));
      }
    }
    return new Map([...this.#seenInWork, ...this.#given(), ...busy].map((slot) => [slot, UPKEEP]));
  }

  /** To be called when that plan was made and is known to whoever asked. */
  give(): void {
    for (const request of this.#asked) {
      const given = this.#granted.get(request);
      if (given !== undefined) {
        this.#asked.delete(request);
        request.grant(given);
      }
    }
  }

  /**
   * Does the work when slots are given: all but those that other work has. Rejects with a NotGrantedError when none is given in time, with the signal's reason when
   * that is aborted before, and as the work does.
   */
  async with<T>(
    slots: readonly SlotName[],
    signal: AbortSignal,
    work: (given: ReadonlySet<SlotName>) => Promise<T>,
  ): Promise<T> {
    const { promise, request } = requestFor(slots);
    try {
      return await work(await this.#wait(request, promise, signal));
    } finally {
      this.#asked.delete(request);
      this.#granted.delete(request);
      this.#doorbell.ring();
    }
  }

  async #wait(
    request: Request,
    given: Promise<ReadonlySet<SlotName>>,
    signal: AbortSignal,
  ): Promise<ReadonlySet<SlotName>> {
    using deadline = new Deadline(signal, GRANT_MS);
    this.#asked.add(request);
    this.#doorbell.ring();
    try {
      return await deadline.race(given);
    } catch (error) {
      throw deadline.expired
        ? new NotGrantedError(`none of the slots ${request.slots.join(', ')} became free in time`)
        : error;
    }
  }

  #given(): readonly SlotName[] {
    return [...this.#granted.values()].flatMap((slots) => [...slots]);
  }
}

function requestFor(slots: readonly SlotName[]): {
  promise: Promise<ReadonlySet<SlotName>>;
  request: Request;
} {
  let resolve: Request['grant'] | undefined;
  const promise = new Promise<ReadonlySet<SlotName>>((granted) => {
    resolve = granted;
  });
  return { promise, request: { slots, grant: (given) => resolve?.(given) } };
}
