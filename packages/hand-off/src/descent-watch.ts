import { promotedHistory, type Timeline, type TimelineHistory, type TimelineStart } from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import {
  connectPostgres,
  identifySystem,
  type PostgresOptions,
  readTimelineHistory,
  silenceLog,
} from '@slotcast/postgres';

/** A walsender session that was refused is asked for again after this long. */
const ASK_AGAIN_MS = 10_000;

export interface DescentWatchOptions {
  readonly postgres: PostgresOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Learns the line of descent of a server in recovery, while there are walsender sessions to ask, for the time of its promotion. */
export class DescentWatch {
  readonly #options: DescentWatchOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #known: TimelineHistory | undefined;
  #asked: { readonly at: number; readonly answered: Promise<void> } | undefined;

  constructor(options: DescentWatchOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** To be called while the server is in recovery. Asks in the background: nothing may hold up the watch. */
  look(streamedTimeline: Timeline | undefined): void {
    const known = this.#known?.timeline;
    const now = this.#options.clock.monotonicMs();
    const stale = known === undefined || (streamedTimeline !== undefined && streamedTimeline !== known);
    if (stale && (this.#asked === undefined || now - this.#asked.at >= ASK_AGAIN_MS)) {
      this.#asked = { at: now, answered: this.#ask() };
    }
  }

  /** The line of descent after a promotion of the server that was looked at. */
  promoted(start: TimelineStart | undefined): TimelineHistory | undefined {
    return this.#known && start && promotedHistory(this.#known, start);
  }

  /** Gives up what is being asked. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#asked?.answered;
  }

  async #ask(): Promise<void> {
    const { postgres, logger } = this.#options;
    const signal = this.#signal;
    try {
      const walsender = await connectPostgres({ ...postgres, replication: true, signal });
      try {
        await silenceLog(walsender, signal);
        const { timeline } = await identifySystem(walsender, signal);
        this.#known = await readTimelineHistory(walsender, timeline, signal);
      } finally {
        await walsender.close();
      }
    } catch (error) {
      logger.debug({ error: errorText(error) }, 'the timeline history of the server is not known yet');
    }
  }
}
