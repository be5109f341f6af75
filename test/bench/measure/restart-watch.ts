import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from '../cluster/bench-session.ts';
import { largestJumpMb, type RestartGap, type RestartPositions, restartGap } from './restart-gap.ts';

const INTERVAL_MS = 1000;
const EARLIER_MS = 10_000;

export interface RestartSample {
  /** On the clock of `performance.now()`. */
  readonly at: number;
  readonly end: Lsn;
  readonly primaryBehindEndMb: number;
  /** What a slot of the primary moved by since the last look; a copy is behind by as much then. */
  readonly primaryJumpMb: number;
  readonly slotcast: RestartGap;
  readonly native: RestartGap;
}

/** The most in a window. */
export interface RestartGaps {
  readonly primaryBehindEndMb: number;
  readonly primaryJumpMb: number;
  readonly slotcast: RestartGap;
  readonly native: RestartGap;
}

/** Looks at restart_lsn of all slots once a second. */
export class RestartWatch {
  readonly samples: RestartSample[] = [];
  readonly #sessions: readonly [PostgresConnection, PostgresConnection, PostgresConnection];
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  /** Looks at the primary of the last ten seconds, and the last one before. */
  #looks: readonly { readonly at: number; readonly positions: RestartPositions }[] = [];
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
    const at = performance.now();
    const before = this.#looks.at(-1)?.positions ?? there;
    const from = this.#looks.findLastIndex((look) => at - look.at >= EARLIER_MS);
    this.#looks = [...this.#looks.slice(Math.max(0, from)), { at, positions: there }];
    const earlier = from < 0 ? new Map() : (this.#looks[0]?.positions ?? new Map());
    return {
      at,
      end,
      primaryBehindEndMb: restartGap({ there, earlier, here: there, end }).behindEndMb,
      primaryJumpMb: largestJumpMb(before, there),
      slotcast: restartGap({ there, earlier, here: ours, end }),
      native: restartGap({ there, earlier, here: theirs, end }),
    };
  }
}

/** The largest gaps of these samples. */
export function largestGaps(samples: readonly RestartSample[]): RestartGaps {
  const most = (of: (sample: RestartSample) => number): number => Math.max(0, ...samples.map(of));
  const gaps = (of: (sample: RestartSample) => RestartGap): RestartGap => ({
    behindPrimaryMb: most((sample) => of(sample).behindPrimaryMb),
    behindEarlierMb: most((sample) => of(sample).behindEarlierMb),
    behindEndMb: most((sample) => of(sample).behindEndMb),
  });
  return {
    primaryBehindEndMb: most((sample) => sample.primaryBehindEndMb),
    primaryJumpMb: most((sample) => sample.primaryJumpMb),
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
