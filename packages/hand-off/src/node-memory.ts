import { sameHistory } from '@slotcast/domain';
import { type Clock, errorText, type Logger, pause } from '@slotcast/kernel';
import { decodeLastKnown, encodeLastKnown, type KnownClocks, type LastKnown } from '@slotcast/topics';

/** Where a node keeps a text across restarts of its processes. */
export interface StateFile {
  /** `undefined` when there is none. */
  read(): Promise<string | undefined>;
  /** In one piece: whoever reads it finds this one or the one before. */
  write(text: string): Promise<void>;
}

export interface NodeMemoryOptions {
  readonly node: string;
  readonly cluster: string;
  /** Absent where nothing is kept. */
  readonly stateFile?: StateFile | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often what is known is kept if it has changed, and read by a process that knows nothing itself. */
const KEEP_MS = 1000;
const READ_MS = 5000;
/** It rests so many times as long as it has worked, so that it does not become a load. */
const REST_TIMES = 50;
const LONGEST_REST_MS = 10_000;
/** What stands for nothing. */
const FORGOTTEN = '';

/**
 * What a node knew last, on disk: so a process that is started while Kafka is away, or that follows nothing itself, knows how far subscribers were. Nothing depends on
 * it while Kafka is there, so whatever fails is a warning.
 */
export class NodeMemory {
  readonly #options: NodeMemoryOptions;
  /** What was kept or read last. */
  #text: string | undefined;
  #told: string | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: NodeMemoryOptions) {
    this.#options = options;
  }

  /**
   * Works until the signal is aborted. `known`: what the process knows itself; absent while it knows nothing. `onRead` gets what another process, or one before,
   * has kept. `isOver`: it is of no use any more, and nothing is kept until something is known again.
   */
  async run(
    known: () => LastKnown | undefined,
    onRead: (known: LastKnown) => void,
    isOver: () => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { stateFile, clock } = this.#options;
    if (stateFile === undefined) {
      return;
    }
    let kept: LastKnown | undefined;
    while (!signal.aborted) {
      const now = known();
      const startedMs = clock.monotonicMs();
      try {
        if (now === undefined && isOver()) {
          await this.#forget(stateFile);
          kept = undefined;
        } else if (now === undefined) {
          await this.#read(stateFile, onRead);
        } else if (kept === undefined || !isSame(now, kept)) {
          await stateFile.write(await encodeLastKnown(now, this.#clocks()));
          kept = now;
          this.#text = undefined;
        }
        this.#told = undefined;
      } catch (error) {
        this.#warn(errorText(error), 'cannot keep what is known of the topics on disk');
      }
      const tookMs = clock.monotonicMs() - startedMs;
      await pause(clock, Math.max(KEEP_MS, Math.min(REST_TIMES * tookMs, LONGEST_REST_MS)), signal);
    }
  }

  async #forget(stateFile: StateFile): Promise<void> {
    if (this.#text !== FORGOTTEN) {
      await stateFile.write(FORGOTTEN);
      this.#text = FORGOTTEN;
    }
  }

  async #read(stateFile: StateFile, onRead: (known: LastKnown) => void): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#readAtMs < READ_MS) {
      return;
    }
    const text = await stateFile.read();
    this.#readAtMs = clock.monotonicMs();
    if (text === undefined || text === FORGOTTEN || text === this.#text) {
      return;
    }
    const found = await decodeLastKnown(text, this.#options, this.#clocks());
    this.#text = text;
    if ('useless' in found) {
      this.#warn(found.useless, 'ignored what was kept on disk of the topics');
    } else {
      onRead(found);
    }
  }

  #clocks(): KnownClocks {
    const { clock } = this.#options;
    return { wallMs: clock.now(), monotonicMs: clock.monotonicMs() };
  }

  #warn(error: string, message: string): void {
    if (this.#told !== error) {
      this.#told = error;
      this.#options.logger.warn({ error }, message);
    }
  }
}

/** What comes with a record changes with it; silence goes on by itself. */
function isSame(a: LastKnown, b: LastKnown): boolean {
  return (
    a.line.lastOrigin === b.line.lastOrigin &&
    a.line.elsewhere.size === b.line.elsewhere.size &&
    sameHistory(a.history, b.history) &&
    a.promotions.length === b.promotions.length &&
    a.ownership.size === b.ownership.size &&
    [...a.ownership].every(([slot, owned]) => b.ownership.get(slot) === owned)
  );
}
