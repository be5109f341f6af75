import type { Hold, SlotName } from '@slotcast/domain';
import { Deadline, type Doorbell } from '@slotcast/runtime';

const UPKEEP: Hold = { reason: 'it is being decoded or made anew', pausing: true, cause: 'upkeep' };
/** A round comes at least this often; when none does, the session has other worries. */
const GRANT_MS = 10_000;

interface Request {
  readonly slots: readonly SlotName[];
  readonly grant: () => void;
}

/**
 * Slots that background work has for itself for a moment. The session's loop gives them away between two of its rounds, when none of its own steps
 * is under way, and takes no step with them until they are given back. A round that looked at the server before that leaves them alone, too: it may
 * have seen them in the middle of the work.
 */
export class SlotGrants {
  readonly #doorbell: Doorbell;
  readonly #asked = new Set<Request>();
  readonly #granted = new Set<Request>();
  #seenInWork: readonly SlotName[] = [];

  constructor(doorbell: Doorbell) {
    this.#doorbell = doorbell;
  }

  /** To be called before a round looks at the server. `busy`: slots that other work has, too. */
  looks(busy: Iterable<SlotName>): void {
    this.#seenInWork = [...this.#given(), ...busy];
  }

  /** To be called when the round plans: what is asked for is given unless it is `busy`, and no step may be planned for either. */
  holds(busy: ReadonlySet<SlotName>): ReadonlyMap<SlotName, Hold> {
    for (const request of this.#asked) {
      if (!request.slots.some((slot) => busy.has(slot))) {
        this.#granted.add(request);
      }
    }
    return new Map([...this.#seenInWork, ...this.#given(), ...busy].map((slot) => [slot, UPKEEP]));
  }

  /** To be called when that plan was made and is known to whoever asked. */
  give(): void {
    for (const request of this.#asked) {
      if (this.#granted.has(request)) {
        this.#asked.delete(request);
        request.grant();
      }
    }
  }

  /** Does the work when the slots are given. Rejects when that does not happen in time, or before the signal is aborted. */
  async with<T>(slots: readonly SlotName[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { promise, request } = requestFor(slots);
    try {
      {
        using deadline = new Deadline(signal, GRANT_MS);
        this.#asked.add(request);
        this.#doorbell.ring();
        await deadline.race(promise);
      }
      return await work();
    } finally {
      this.#asked.delete(request);
      this.#granted.delete(request);
      this.#doorbell.ring();
    }
  }

  #given(): readonly SlotName[] {
    return [...this.#granted].flatMap(({ slots }) => slots);
  }
}

function requestFor(slots: readonly SlotName[]): { promise: Promise<void>; request: Request } {
  let resolve: (() => void) | undefined;
  const promise = new Promise<void>((given) => {
    resolve = given;
  });
  return { promise, request: { slots, grant: () => resolve?.() } };
}
