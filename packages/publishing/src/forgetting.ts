import { type OrphanedSlot, type SlotName } from '@slotcast/domain';
import { type Doorbell, SlotcastError } from '@slotcast/kernel';

/** What was given up because a person said so. */
export interface ForgottenSlot {
  readonly slot: SlotName;
  /** How many incarnations of that name were orphaned. */
  readonly forgotten: number;
}

interface Asked {
  readonly slot: SlotName;
  readonly resolve: (forgotten: ForgottenSlot) => void;
  readonly reject: (error: SlotcastError) => void;
}

/** Takes a person's word that orphaned slots are to go to the publisher, which alone can make it known, and its answer back. */
export class Forgetting {
  readonly #node: string;
  #bell: Doorbell | undefined;
  #asked: readonly Asked[] = [];

  constructor(node: string) {
    this.#node = node;
  }

  /**
   * Resolves when it is published that the slot is given up. Rejects with a SlotcastError SC_NOT_PUBLISHING where no publisher holds the topic, or loses it meanwhile, and with
   * SC_NOT_ORPHANED when nothing of that name is orphaned.
   */
  ask(slot: SlotName): Promise<ForgottenSlot> {
    const bell = this.#bell;
    if (bell === undefined) {
      return Promise.reject(this.#notPublishing());
    }
    return new Promise((resolve, reject) => {
      this.#asked = [...this.#asked, { slot, resolve, reject }];
      bell.ring();
    });
  }

  /** A publisher holds the topic, and looks here whenever the bell rings. */
  open(bell: Doorbell): void {
    this.#bell = bell;
  }

  /** Nobody publishes any more. */
  close(): void {
    this.#bell = undefined;
    const asked = this.#asked;
    this.#asked = [];
    asked.forEach(({ reject }) => reject(this.#notPublishing()));
  }

  /** The names that were asked for and not answered yet. */
  get names(): ReadonlySet<SlotName> {
    return new Set(this.#asked.map(({ slot }) => slot));
  }

  /** Answers after a publication. `left`: what is orphaned still, because it changes at this very moment. */
  published(forgotten: readonly OrphanedSlot[], left: readonly OrphanedSlot[]): void {
    const isLeft = ({ slot }: Asked): boolean => left.some(({ name }) => name === slot);
    const answered = this.#asked.filter((each) => !isLeft(each));
    this.#asked = this.#asked.filter(isLeft);
    for (const { slot, resolve, reject } of answered) {
      const count = forgotten.filter(({ name }) => name === slot).length;
      if (count > 0) {
        resolve({ slot, forgotten: count });
      } else {
        reject(new SlotcastError('SC_NOT_ORPHANED', `no slot of the name ${slot} is orphaned`));
      }
    }
  }

  #notPublishing(): SlotcastError {
    return new SlotcastError(
      'SC_NOT_PUBLISHING',
      `the publisher of node ${this.#node} does not hold the slots topic: its server is a standby, or it has just begun`,
    );
  }
}
