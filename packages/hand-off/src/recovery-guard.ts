import {
  type DivergencePolicy,
  fenceTargets,
  formatLsn,
  HAND_OFF_FENCE_MS,
  HAND_OFF_GUARD_MS,
  type Lsn,
  noteReceiver,
  type PublishedLine,
  type RaisedFence,
  type ReceiverWatch,
  type SeenEnd,
  startIn,
} from '@slotcast/domain';
import { backoffMs, type Clock, errorText, type Logger, pause } from '@slotcast/kernel';
import {
  connectPostgres,
  type PostgresConnection,
  type PostgresOptions,
  RecoveryWatch,
  readServerIdentity,
  readWalEnd,
  type WalEnd,
} from '@slotcast/postgres';
import { DescentWatch } from './descent-watch.ts';
import type { EndedRecovery } from './ended-recovery.ts';
import { readShutdown } from './last-record.ts';
import type { ReportRole } from './role-tracker.ts';
import { type RecoveryBaseline, tryFence } from './wal-fence.ts';

const BACKOFF = { initialMs: 50, maxMs: 1000 } as const;
/** How often a primary is asked whether it is a standby again, which takes a restart that ends the connection first. */
const PRIMARY_LOOK_MS = 2000;
const AWAIT_LOOK_MS = 2;

/** A server with which there is a session: it cannot go into recovery without ending that. */
export interface SeenServer {
  /** Milliseconds since 1970. */
  readonly serverStartedAt: number;
  readonly inRecovery: boolean;
}

/** A server that was in recovery when it was looked at last. */
interface SeenRecovery extends SeenEnd, RecoveryBaseline {
  readonly recoveringAtMs: number;
  readonly receiver: ReceiverWatch | undefined;
}

export interface RecoveryGuardOptions {
  readonly postgres: PostgresOptions;
  readonly onDivergence: DivergencePolicy;
  /** What was published on the line of descent that the server replays; empty while nothing is known of it. */
  readonly line: () => PublishedLine;
  /**
   * Called as soon as the fence stands, with what was seen of the end, if anything was; the connection lasts while the server is a primary. Where it resolves with false, as when it came to
   * nothing, it is called again with each look at that primary, also on another connection.
   */
  readonly onEnd: (ended: EndedRecovery | undefined, site: GuardSite, isAgain: boolean) => Promise<boolean>;
  /** Called with each look at a primary, every two seconds or so. Does not reject. */
  readonly onPrimary: (site: GuardSite) => Promise<void>;
  readonly report: ReportRole;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The session of a guard. */
export interface GuardSite {
  readonly connection: PostgresConnection;
  readonly signal: AbortSignal;
}

/** Where the guard raises the fence. */
interface FenceSite extends GuardSite {
  /** Of WAL, when the end of recovery was seen. */
  readonly end: WalEnd;
  readonly switchLsn: Lsn;
}

/**
 * Watches this node's server for the end of recovery, on a connection of its own and without Kafka, and raises the WAL fence
 * at once: each millisecond counts, and Kafka may be down with the primary.
 */
export class RecoveryGuard {
  readonly #options: RecoveryGuardOptions;
  #last: SeenRecovery | undefined;
  #ended: EndedRecovery | undefined;
  #isFencing = false;
  /** What is still to be done about the end of recovery; nothing once it is done. */
  #owed: { readonly isAgain: boolean } | undefined;
  #hasLooked = false;
  /** Of the server that is looked at, by the last look; nothing while it is not reached. */
  #server: SeenServer | undefined;

  constructor(options: RecoveryGuardOptions) {
    this.#options = options;
  }

  /** The end of the recovery that the server was in last; absent while it is in recovery, and when nobody saw the end. */
  get ended(): EndedRecovery | undefined {
    return this.#ended;
  }

  /** The server as it was seen last; absent while there is no session with it. */
  get server(): SeenServer | undefined {
    return this.#server;
  }

  /**
   * The same for a server that was seen to be a primary, when the guard has dealt with that. It is waited for while it may still see the end of a
   * recovery or raises the fence. Where that takes too long what it saw last is returned, without a fence: who hands over raises the fence by
   * that itself, and a transaction that got in between is found as well.
   */
  async awaitEnd(signal: AbortSignal): Promise<EndedRecovery | undefined> {
    const { clock, report } = this.#options;
    const started = clock.monotonicMs();
    while (this.#last !== undefined || !this.#hasLooked) {
      const patienceMs = HAND_OFF_GUARD_MS + (this.#isFencing ? HAND_OFF_FENCE_MS : 0);
      if (clock.monotonicMs() - started >= patienceMs) {
        report('fence_overdue');
        return this.#last && endOf(withJudgedReceiver(this.#last), { passes: [] });
      }
      await clock.sleep(AWAIT_LOOK_MS, signal);
    }
    return this.#ended;
  }

  /** Watches until the signal is aborted, and then resolves. A server that cannot be reached is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#watch(signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        failures += 1;
        // The service itself reports a server that does not answer, at the level that it deserves.
        logger.debug({ error: errorText(error), failures }, 'cannot watch the recovery of the server');
        await pause(clock, backoffMs(failures, BACKOFF, Math.random), signal);
      }
    }
  }

  async #watch(signal: AbortSignal, onSeen: () => void): Promise<never> {
    const connection = await connectPostgres({ ...this.#options.postgres, signal });
    // Of this session only: after a restart the server may be another one.
    const descent = new DescentWatch({ ...this.#options, signal });
    try {
      const { serverStartedAt } = await readServerIdentity(connection, signal);
      const watch = new RecoveryWatch(connection);
      for (;;) {
        const recoveringAtMs = this.#options.clock.monotonicMs();
        const seen = await watch.look(signal);
        onSeen();
        this.#hasLooked = true;
        this.#server = { serverStartedAt, inRecovery: seen.inRecovery };
        if (seen.inRecovery) {
          const receiver = noteReceiver(this.#last?.receiver, seen.receiver, recoveringAtMs);
          this.#last = { ...seen, receiver, recoveringAtMs, serverStartedAt, start: undefined };
          this.#owed = undefined;
          this.#forgetEnd();
          descent.look(seen.receiver?.timeline);
        } else {
          await this.#onPrimary(connection, descent, signal);
        }
      }
    } finally {
      this.#server = undefined;
      await Promise.all([connection.close(), descent.close()]);
    }
  }

  #forgetEnd(): void {
    if (this.#ended !== undefined) {
      this.#ended = undefined;
      this.#options.report('recovery_seen');
    }
  }

  async #onPrimary(
    connection: PostgresConnection,
    descent: DescentWatch,
    signal: AbortSignal,
  ): Promise<void> {
    const last = this.#last;
    if (last !== undefined) {
      await this.#onEnd(last, { connection, descent, signal });
    } else if (this.#ended !== undefined) {
      const { timeline } = await readWalEnd(connection, signal);
      if (timeline !== this.#ended.start?.timeline) {
        this.#owed = undefined;
        this.#forgetEnd();
      }
    }
    await this.#settle({ connection, signal });
    await this.#options.onPrimary({ connection, signal });
    await Promise.race([connection.closed, this.#options.clock.sleep(PRIMARY_LOOK_MS, signal)]);
  }

  async #onEnd(last: SeenRecovery, session: GuardSite & { readonly descent: DescentWatch }): Promise<void> {
    const { report, logger, clock } = this.#options;
    const receiver = noteReceiver(last.receiver, undefined, clock.monotonicMs());
    this.#isFencing = true;
    report('recovery_ended');
    try {
      const end = await readWalEnd(session.connection, session.signal);
      // Before anything can fail: where the server is started anew meanwhile, it does not tell any more.
      const seen = { ...last, receiver, start: last.start ?? startIn(end, last) };
      if (seen.start?.timeline === end.timeline) {
        this.#last = seen;
        const passes = await this.#fence({ ...session, end, switchLsn: seen.start.switchLsn }, last);
        const history = session.descent.promoted(seen.start);
        const shutdownLsn = readShutdown({ ...this.#options, ...session }, { ...seen.start, receiver });
        this.#ended = endOf(seen, { passes, history, shutdownLsn });
      } else {
        logger.warn(
          { timeline: end.timeline },
          'the server was started anew since it was seen in recovery: nobody saw how that recovery ended',
        );
      }
      this.#last = undefined;
    } finally {
      this.#isFencing = false;
      report(this.#ended === undefined ? 'fence_failed' : 'fence_stands');
    }
    this.#owed = { isAgain: false };
  }

  async #settle(site: GuardSite): Promise<void> {
    if (this.#owed !== undefined) {
      const { isAgain } = this.#owed;
      this.#owed = { isAgain: true };
      this.#owed = (await this.#options.onEnd(this.#ended, site, isAgain)) ? undefined : this.#owed;
    }
  }

  async #fence(
    { connection, end, switchLsn, signal }: FenceSite,
    baseline: RecoveryBaseline,
  ): Promise<readonly RaisedFence[]> {
    const { logger, clock, onDivergence, line } = this.#options;
    if (onDivergence !== 'fence') {
      return [];
    }
    const started = clock.monotonicMs();
    const { insertLsn } = end;
    const targets = fenceTargets({ ...line(), switchLsn });
    const [pass] = await tryFence({ connection, targets, baseline, signal, logger });
    if (pass === undefined) {
      return [];
    }
    logger.info(
      {
        from: formatLsn(insertLsn),
        to: formatLsn(pass.reachedLsn),
        clean: pass.clean,
        ms: Math.round(clock.monotonicMs() - started),
      },
      'recovery has ended: raised the WAL fence',
    );
    return [pass];
  }
}

/** Until the guard has seen the end itself, it may have missed another session of the receiver. */
function withJudgedReceiver(last: SeenRecovery): SeenRecovery {
  return last.start === undefined ? { ...last, receiver: undefined } : last;
}

function endOf(
  { recoveringAtMs, serverStartedAt, start, receiver, ...baseline }: SeenRecovery,
  found: Pick<EndedRecovery, 'passes' | 'history' | 'shutdownLsn'>,
): EndedRecovery {
  return { recoveringAtMs, serverStartedAt, start, receiver, baseline, ...found };
}
