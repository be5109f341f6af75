import {
  isLeaderOfUse,
  type RestartInput,
  type SlotDatabase,
  type SlotName,
  type WaveSource,
  waveSourceOf,
} from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import { type DatabaseSessions, dropLeadingSlot } from '@slotcast/postgres';
import type { NodeDirectory } from '@slotcast/topics';
import type { FactsBoard } from './restart-facts.ts';

/** So long it stays without use. */
const UNUSED_MS = 60_000;
/** How long its end may hold up that of the session. */
const DROP_MS = 2000;

/**
 * The leading slot of the last wave. It needs no more WAL than the slots that were made from it, and others can be made from it without decoding. The session's plan drops
 * it in the first round in which it is not `name` any more.
 */
export class KeptLeader {
  readonly #facts: FactsBoard;
  readonly #sessions: DatabaseSessions;
  readonly #directory: NodeDirectory;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** It may be there, also where nothing is to be made from it any more. */
  #made: { readonly slot: SlotName; readonly database: SlotDatabase } | undefined;
  #isKept = false;
  #usedAt = 0;

  constructor(options: {
    readonly facts: FactsBoard;
    readonly sessions: DatabaseSessions;
    readonly directory: NodeDirectory;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#facts = options.facts;
    this.#sessions = options.sessions;
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  get name(): SlotName | undefined {
    return this.#isKept ? this.#made?.slot : undefined;
  }

  /** A wave begins, which answers for its leading slot itself until it has ended well. */
  waveBegins(slot: SlotName, database: SlotDatabase): void {
    this.#made = { slot, database };
    this.#isKept = false;
  }

  waveEnded(): void {
    this.#isKept = true;
    this.#usedAt = this.#clock.monotonicMs();
  }

  /** What can be made anew from it; after that it is not kept when nothing was for long, or can be, or `isPlaceWanted` for a slot that is to be made. */
  source(seen: Pick<RestartInput, 'gaps' | 'largestBytes'>, isPlaceWanted: boolean): WaveSource | undefined {
    const local = this.#made && this.#facts.local(this.#made.slot);
    if (local === undefined) {
      this.#made = undefined;
      return undefined;
    }
    const source = this.#isKept ? waveSourceOf(local) : undefined;
    this.#isKept =
      source !== undefined &&
      !isPlaceWanted &&
      this.#clock.monotonicMs() - this.#usedAt < UNUSED_MS &&
      isLeaderOfUse(seen, source);
    return this.#isKept ? source : undefined;
  }

  /** Resolves when a round has seen the server without it, or why it could not go. */
  async giveUp(signal: AbortSignal): Promise<void> {
    this.#isKept = false;
    // The first one plans its end, and the next one sees what came of that.
    await this.#facts.next(signal);
    await this.#facts.next(signal);
  }

  /** To be called when the session ends: nobody may be there for long to drop it, and it holds back WAL. What this does not get to, the next start does. */
  async drop(): Promise<void> {
    const made = this.#made;
    if (made === undefined) {
      return;
    }
    this.#made = undefined;
    const { slot: leader, database } = made;
    const needed = [...this.#directory.ownership].flatMap(([slot, { remaking }]) =>
      remaking === true ? [slot] : [],
    );
    try {
      await dropLeadingSlot(await this.#sessions.get(database), { leader, needed }, DROP_MS);
    } catch (error) {
      this.#logger.info({ leader, error: errorText(error) }, 'a leading slot is left until the next start');
    }
  }
}
