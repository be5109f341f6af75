import type { NodeSlotStatus, SlotName } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type Clock, Deadline } from '@slotcast/kernel';
import type { NodeDirectory } from '@slotcast/topics';

/** The session writes in every round; when it does not for so long, nothing is to be begun. */
const WRITE_MS = 10_000;

interface Request {
  readonly slots: readonly SlotName[];
  readonly resolve: (recorded: ReadonlySet<SlotName>) => void;
}

/** Has the session's loop, which alone writes to the nodes topic, record that slots are to be made anew. */
export class RemakingRecords {
  readonly #directory: NodeDirectory;
  readonly #clock: Clock;
  #request: Request | undefined;

  constructor(directory: NodeDirectory, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** The slots of which it is committed; others are owned no more, or not safe yet. Rejects when it was not written in time; nor will it be then. */
  async ask(slots: readonly SlotName[], signal: AbortSignal): Promise<ReadonlySet<SlotName>> {
    using deadline = new Deadline(signal, WRITE_MS);
    try {
      return await deadline.race(
        new Promise((resolve) => {
          this.#request = { slots, resolve };
        }),
      );
    } finally {
      this.#request = undefined;
    }
  }

  /** To be called in every round of the loop. */
  async write(writer: LogWriter): Promise<void> {
    const request = this.#request;
    if (request === undefined) {
      return;
    }
    this.#request = undefined;
    const time = this.#clock.now();
    const slots = request.slots.flatMap((slot) => this.#record(slot, time));
    await this.#directory.write(writer, { slots, time });
    request.resolve(new Set(slots.map(({ slot }) => slot)));
  }

  #record(slot: SlotName, time: number): NodeSlotStatus[] {
    const written = this.#directory.written.get(slot);
    const ownership = this.#directory.ownership.get(slot);
    return written === undefined || ownership?.proven !== true
      ? []
      : [{ ...written, ownership: { ...ownership, remaking: true }, proof: undefined, time }];
  }
}
