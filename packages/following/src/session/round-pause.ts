import {
  FIRST_ROUND_MS,
  type Lsn,
  longestRest,
  quickestDuration,
  type RoundKind,
  type RoundRest,
  type SettledBacklog,
  usualRound,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { SlotsFeed } from '@slotcast/topics';
import type { StandbyServer, StandbyView } from '../standby-server.ts';
import type { SessionBell } from './session-bell.ts';

/** While events wait, it is asked how far replay is this often at first, then ever less often. */
const WAITING_MS = 2;
/** The same after each answer that was not far enough: an event is applied late by a quarter of its wait at most. */
const GROWTH = 1.25;
const LONGEST_MS = 500;
/** A pause lasts so many times as long as a look at the server takes at its quickest, so that looking does not become a load. */
const LOOK_TIMES = 4;

/** What the pause after a round depends on. */
export interface FinishedRound extends Pick<RoundRest, 'urgent' | 'advances' | 'reportDueMs'> {
  readonly view: StandbyView;
  readonly settled: SettledBacklog;
  /** How long the look at the server took. */
  readonly lookMs: number;
}

/** The pause between two rounds: as long as no slot has an event that can be applied, and nothing else happens. */
export class RoundPause {
  readonly #bell: SessionBell;
  readonly #server: StandbyServer;
  readonly #feed: SlotsFeed;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #waitMs = WAITING_MS;
  #lookMs = 1;
  #usualMs = FIRST_ROUND_MS;
  #dueLsn: Lsn | undefined;

  constructor(options: {
    bell: SessionBell;
    server: StandbyServer;
    feed: SlotsFeed;
    clock: Clock;
    signal: AbortSignal;
  }) {
    this.#bell = options.bell;
    this.#server = options.server;
    this.#feed = options.feed;
    this.#clock = options.clock;
    this.#signal = options.signal;
  }

  /** To be told of every round how long it took. */
  took(ms: number, kind: RoundKind): void {
    this.#usualMs = usualRound(this.#usualMs, ms, kind);
  }

  /** Ends after the longest rest, when the bell rings for more than records, or as soon as a round would find another event to apply. */
  async rest(round: FinishedRound): Promise<void> {
    const { view, settled, urgent, advances, reportDueMs } = round;
    const waiting = settled.waiting.size > 0;
    const longestMs = longestRest({ usualMs: this.#usualMs, urgent, waiting, advances, reportDueMs });
    this.#lookMs = quickestDuration(this.#lookMs, round.lookMs);
    const shortestMs = Math.min(this.#lookMs * LOOK_TIMES, LONGEST_MS);
    if (settled.nextDueLsn !== this.#dueLsn) {
      this.#dueLsn = settled.nextDueLsn;
      this.#waitMs = WAITING_MS;
    }
    const end = this.#clock.monotonicMs() + Math.max(shortestMs, longestMs);
    await this.#clock.sleep(shortestMs, this.#signal);
    let isWaiting = settled.nextDueLsn !== undefined;
    for (;;) {
      const left = Math.max(0, end - this.#clock.monotonicMs());
      const rang = await this.#bell.wait(isWaiting ? Math.min(left, this.#waitMs) : left, this.#signal);
      if (this.#bell.takeStirred() || this.#clock.monotonicMs() >= end || (await this.#isDue(view))) {
        return;
      }
      if (!isWaiting) {
        isWaiting = true;
        this.#waitMs = WAITING_MS;
      } else if (!rang) {
        this.#waitMs = Math.min(this.#waitMs * GROWTH, LONGEST_MS);
      }
    }
  }

  /** To ask for replay alone takes next to nothing, and what replay was at the last look already takes nothing at all. */
  async #isDue({ history, replayLsn }: StandbyView): Promise<boolean> {
    if (this.#feed.hasNews({ history, replayLsn })) {
      return true;
    }
    const reached = await this.#server.replayed(this.#signal);
    return reached === undefined || this.#feed.hasNews({ history, replayLsn: reached });
  }
}
