import {
  type FencePass,
  formatLsn,
  type HandOffPlan,
  type Lsn,
  orderlyShutdown,
  type Promotion,
  type PublishedLine,
  type Unheard,
  type UnheardTime,
  unheardBefore,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import type { PostgresConnection, PostgresOptions } from '@slotcast/postgres';
import type { SeenCommits } from './ended-recovery.ts';
import { readShutdown } from './last-record.ts';
import { widenFence } from './wal-fence.ts';

interface UnheardWalOptions extends Pick<SeenCommits, 'baseline' | 'endedAtMs' | 'ending'> {
  readonly postgres: PostgresOptions;
  readonly connection: PostgresConnection;
  readonly switchLsn: Lsn;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What subscribers may have confirmed before a promotion without anybody having heard of it, as one hand-off deals with it. */
export class UnheardWal {
  readonly #options: UnheardWalOptions;
  #shutdownLsn: Lsn | undefined;
  #time: UnheardTime | undefined;

  constructor(options: UnheardWalOptions) {
    this.#options = options;
  }

  /** Goes by what is published now. */
  look(line: PublishedLine): UnheardTime | undefined {
    const { switchLsn, endedAtMs, ending } = this.#options;
    const signs = { shutdownLsn: this.#shutdownLsn, receiver: ending?.receiver };
    this.#time = unheardBefore({ ...line, switchLsn }, endedAtMs, signs);
    return this.#time;
  }

  /** Where the shutdown of the server before began to be recorded, as far as that is proven by what is published now. */
  shutdown({ lastOrigin }: PublishedLine): Lsn | undefined {
    const { endedAtMs, ending } = this.#options;
    const shutdownLsn = this.#shutdownLsn;
    return orderlyShutdown({ shutdownLsn, receiver: ending?.receiver, lastOrigin, endedAtMs });
  }

  /**
   * Raises the fence beyond it, whatever the policy is: that says what is done about subscribers that are known to be ahead. Nothing is done where nothing is unheard, as
   * after an orderly shutdown.
   */
  async widenFence(line: PublishedLine): Promise<readonly FencePass[]> {
    const { connection, baseline, logger, signal, ending } = this.#options;
    this.#shutdownLsn = await (ending?.shutdownLsn ?? this.#readShutdown());
    const unheard = this.look(line);
    if (unheard === undefined) {
      return [];
    }
    const { reach } = unheard;
    const pass = await widenFence({ connection, reach, baseline, signal });
    const fields = { reach: formatLsn(reach), to: formatLsn(pass.reachedLsn), clean: pass.clean };
    logger.info(fields, 'widened the WAL fence by what may have been written since anything was heard');
    return [pass];
  }

  /** Where the guard of the process was not done with it when it had been waited for long enough. */
  #readShutdown(): Promise<Lsn | undefined> {
    const { switchLsn, ending } = this.#options;
    return readShutdown(this.#options, { switchLsn, receiver: ending?.receiver });
  }

  /** What is to be recorded of it, once the fence is as wide as it becomes. */
  record({ ahead }: HandOffPlan, earlier: Promotion | undefined): Unheard | undefined {
    const [unheard, { clock }] = [this.#time, this.#options];
    const isTold = unheard?.isLong === true || ahead.some(({ outcome }) => outcome === 'unknown');
    return unheard !== undefined && isTold
      ? { since: Math.round(clock.now() - clock.monotonicMs() + unheard.sinceMs), lsn: unheard.lsn }
      : earlier?.unheard;
  }
}
