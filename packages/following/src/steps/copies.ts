import { byDatabase, type SlotAction, type SlotDatabase, type SlotName } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import {
  copySlots,
  type DatabaseSessions,
  isPostgresError,
  type PostgresConnection,
  readExistingSlots,
} from '@slotcast/postgres';
import type { Creations } from './creations.ts';

export type CopyAction = Extract<SlotAction, { kind: 'copy' }>;

/** Copies in one statement: so many hold up nobody for long. */
const CHUNK = 20;

export interface CopiesOptions {
  readonly sessions: DatabaseSessions;
  readonly creations: Pick<Creations, 'probeSlot'>;
  readonly onMade: (slot: SlotName) => void;
  readonly onFailure: (slot: SlotName, error: unknown) => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Makes slots from the temporary ones of their databases, many at a time. */
export class Copies {
  readonly #options: CopiesOptions;

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /** Makes what can be made while `hasTime`, and at least some; returns how many are left. */
  async run(actions: readonly CopyAction[], hasTime: () => boolean): Promise<number> {
    let left = actions.length;
    for (const [database, group] of byDatabase(actions)) {
      for (let start = 0; start < group.length; start += CHUNK) {
        if (left < actions.length && !hasTime()) {
          return left;
        }
        const chunk = group.slice(start, start + CHUNK);
        await this.#copy(database, chunk);
        left -= chunk.length;
      }
    }
    return left;
  }

  /** One statement for the chunk; when it fails, one for each slot that it did not make, so that a bad slot stops only itself. */
  async #copy(database: SlotDatabase, chunk: readonly CopyAction[]): Promise<void> {
    const { sessions, creations, signal } = this.#options;
    const source = creations.probeSlot(database);
    if (source === undefined) {
      return;
    }
    try {
      // A copy gets the database of the session that makes it, so that has to be the one where the source was made.
      const connection = await sessions.get(source.database);
      await this.#copyOn(connection, source.name, chunk);
    } catch (error) {
      signal.throwIfAborted();
      chunk.forEach(({ slot }) => this.#options.onFailure(slot, error));
    }
  }

  async #copyOn(connection: PostgresConnection, source: string, chunk: readonly CopyAction[]): Promise<void> {
    const { signal } = this.#options;
    const names = chunk.map(({ slot }) => slot);
    try {
      await copySlots(connection, { source, targets: chunk }, signal);
      this.#made(names);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!isPostgresError(error)) {
        throw error;
      }
    }
    const made = await readExistingSlots(connection, names, signal);
    this.#made(names.filter((name) => made.has(name)));
    for (const target of chunk.filter(({ slot }) => !made.has(slot))) {
      try {
        await copySlots(connection, { source, targets: [target] }, signal);
        this.#made([target.slot]);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.onFailure(target.slot, error);
      }
    }
  }

  #made(slots: readonly SlotName[]): void {
    if (slots.length > 0) {
      this.#options.logger.info({ slots }, 'made slots');
      slots.forEach((slot) => this.#options.onMade(slot));
    }
  }
}
