import { databaseKey, type SlotDatabase } from '@slotcast/domain';
import { Deadline, type Doorbell } from '@slotcast/kernel';
import { DatabaseGoneError, type DatabaseSessions } from '@slotcast/postgres';

/** How long a round waits for a session to a database. */
const PATIENCE_MS = 200;

/** Whether steps on the slots of a database may be taken now. */
export type Admission =
  | { readonly kind: 'open' }
  /** Its session is being opened; the bell rings when that has ended. */
  | { readonly kind: 'later' }
  | { readonly kind: 'refused'; readonly error: unknown };

/** Has sessions opened beside the rounds, so that a database that lets none in holds up the slots of no other. */
export class SessionGate {
  readonly #sessions: DatabaseSessions;
  readonly #doorbell: Doorbell;
  readonly #signal: AbortSignal;
  /** What came of sessions that took too long, or nothing yet, by `databaseKey`. */
  readonly #late = new Map<string, Admission>();

  constructor(options: { sessions: DatabaseSessions; doorbell: Doorbell; signal: AbortSignal }) {
    this.#sessions = options.sessions;
    this.#doorbell = options.doorbell;
    this.#signal = options.signal;
  }

  /** Never rejects before the signal is aborted. What took too long is told once. */
  async enter(database: SlotDatabase): Promise<Admission> {
    const key = databaseKey(database);
    const known = this.#late.get(key);
    if (known !== undefined) {
      if (known.kind !== 'later') {
        this.#late.delete(key);
      }
      return known;
    }
    const opening = this.#open(database);
    using deadline = new Deadline(this.#signal, PATIENCE_MS);
    try {
      return await deadline.race(opening);
    } catch {
      this.#signal.throwIfAborted();
      const later = { kind: 'later' } as const;
      this.#late.set(key, later);
      void this.#note(key, opening);
      return later;
    }
  }

  async #note(key: string, opening: Promise<Admission>): Promise<void> {
    this.#late.set(key, await opening);
    this.#doorbell.ring();
  }

  async #open(database: SlotDatabase): Promise<Admission> {
    try {
      await this.#sessions.get(database);
      return { kind: 'open' };
    } catch (error) {
      // What is left of a database that is gone is dropped from another one.
      return error instanceof DatabaseGoneError ? { kind: 'open' } : { kind: 'refused', error };
    }
  }
}
