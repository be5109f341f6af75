import type { ProofRecord, SlotName } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type Clock, Deadline } from '@slotcast/kernel';
import type { NodeDirectory } from '@slotcast/topics';

/** The session writes in every round; what was not written after so long is given up. */
const WRITE_MS = 10_000;

interface Wish {
  readonly slot: SlotName;
  readonly proof: ProofRecord | undefined;
  readonly resolve: (written: boolean) => void;
}

/** Has the session's loop, which alone writes to the nodes topic, record what is said of the proof of a slot. */
export class ProofRecords {
  readonly #directory: NodeDirectory;
  readonly #ring: () => void;
  readonly #clock: Clock;
  #wish: Wish | undefined;

  constructor(options: { directory: NodeDirectory; ring: () => void; clock: Clock }) {
    this.#directory = options.directory;
    this.#ring = options.ring;
    this.#clock = options.clock;
  }

  /** Resolves with true once it is committed; with false when the slot has no record any more, or it was not written in time. One wish at a time. */
  async ask(slot: SlotName, proof: ProofRecord | undefined, signal: AbortSignal): Promise<boolean> {
    using deadline = new Deadline(signal, WRITE_MS);
    try {
      return await deadline.race(
        new Promise<boolean>((resolve) => {
          this.#wish = { slot, proof, resolve };
          this.#ring();
        }),
      );
    } catch (error) {
      if (deadline.expired) {
        return false;
      }
      throw error;
    } finally {
      this.#wish = undefined;
    }
  }

  /** To be called in every round of the loop. */
  async write(writer: LogWriter): Promise<void> {
    const wish = this.#wish;
    if (wish === undefined) {
      return;
    }
    this.#wish = undefined;
    const { slot, proof, resolve } = wish;
    const written = this.#directory.written.get(slot);
    if (written?.role !== 'standby') {
      resolve(false);
      return;
    }
    const time = this.#clock.now();
    await this.#directory.write(writer, { slots: [{ ...written, proof, time }], time });
    resolve(true);
  }
}
