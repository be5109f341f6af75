import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from '../cluster/bench-session.ts';
import { type RestartGap, type RestartPositions, restartGap } from './restart-gap.ts';

const INTERVAL_MS = 1000;

export interface RestartSample {
  /** On the clock of `performance.now()`. */
  readonly at: number;
  readonly end: Lsn;
  readonly primaryBehindEndMb: number;
  readonly slotcast: RestartGap;
  readonly native: RestartGap;
}

/** The most in a window. */
export interface RestartGaps {
  readonly primaryBehindEndMb: number;
  readonly slotcast: RestartGap;
  readonly native: RestartGap;
}

/** Looks at restart_lsn of all slots once a second. */
export class RestartWatch {
  readonly samples: RestartSample[] = [];
  readonly #sessions: readonly [PostgresConnection, PostgresConnection, PostgresConnection];
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #failure: Error | undefined;

  private constructor(sessions: readonly [PostgresConnection, PostgresConnection, PostgresConnection]) {
    this.#sessions = sessions;
    this.#watching = this.#run().catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  static async start(servers: {
    readonly primary: PostgresServer;
    readonly standby: PostgresServer;
    readonly native: PostgresServer;
  }): Promise<RestartWatch> {
    return new RestartWatch([
      await openSession(servers.primary),
      await openSession(servers.standby),
      await openSession(servers.native),
    ]);
  }

  async stop(): Promise<readonly RestartSample[]> {
    this.#stop.abort();
    await this.#watching;
    await Promise.allSettled(this.#sessions.map((session) => session.close()));
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    return this.samples;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.samples.push(await this.#look());
      await sleep(INTERVAL_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** The standbys first, so that what moves meanwhile makes the gap larger and not smaller. */
  async #look(): Promise<RestartSample> {
    const [primary, standby, native] = this.#sessions;
    const [ours, theirs] = await Promise.all([restartPositions(standby), restartPositions(native)]);
    const there = await restartPositions(primary);
    const [row] = await primary.run<{ lsn: string }>({
      name: 'end',
      text: 'select pg_current_wal_flush_lsn()::text as lsn',
    });
    const end = parseLsn(row?.lsn ?? '');
    return {
      at: performance.now(),
      end,
      primaryBehindEndMb: restartGap({ there, here: there, end }).behindEndMb,
      slotcast: restartGap({ there, here: ours, end }),
      native: restartGap({ there, here: theirs, end }),
    };
  }
}

/** The largest gaps of these samples. */
export function largestGaps(samples: readonly RestartSample[]): RestartGaps {
  const most = (of: (sample: RestartSample) => number): number => Math.max(0, ...samples.map(of));
  const gaps = (of: (sample: RestartSample) => RestartGap): RestartGap => ({
    behindPrimaryMb: most((sample) => of(sample).behindPrimaryMb),
    behindEndMb: most((sample) => of(sample).behindEndMb),
  });
  return {
    primaryBehindEndMb: most((sample) => sample.primaryBehindEndMb),
    slotcast: gaps((sample) => sample.slotcast),
    native: gaps((sample) => sample.native),
  };
}

async function restartPositions(session: PostgresConnection): Promise<RestartPositions> {
  const rows = await session.run<{ slot_name: string; restart_lsn: string }>({
    name: 'restart',
    text: `select slot_name::text, restart_lsn::text from pg_get_replication_slots()
            where slot_type = 'logical' and not temporary and restart_lsn is not null
              and slot_name not like 'slotcast%'`,
  });
  return new Map(rows.map((row) => [row.slot_name, parseLsn(row.restart_lsn)]));
}
