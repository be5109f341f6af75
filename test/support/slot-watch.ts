import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn, parseLsn } from '@slotcast/domain';
import { connectPostgres, type PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';

const EVERY_MS = 10;

interface PositionRow {
  readonly slot_name: string;
  readonly position: string;
}

/**
 * Looks at a standby's slots all the time, whatever happens to it, and notes each that stood past replay or past what its subscriber had confirmed on the
 * primary.
 */
export class SlotWatch {
  readonly #standby: PostgresServer;
  readonly #primary: PostgresServer;
  readonly #names: readonly string[];
  readonly #violations: string[] = [];
  readonly #missingSince = new Map<string, number>();
  readonly #longestMissingMs = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  #onStandby: PostgresConnection | undefined;
  /** Where slots stood when the standby was seen again after its session had been lost. */
  #found: ReadonlyMap<string, Lsn> = new Map();
  #onPrimary: PostgresConnection | undefined;
  #looks = 0;

  /** `names`: the slots that are to be there. */
  constructor(servers: {
    readonly standby: PostgresServer;
    readonly primary: PostgresServer;
    readonly names: readonly string[];
  }) {
    this.#standby = servers.standby;
    this.#primary = servers.primary;
    this.#names = servers.names;
    this.#watching = this.#watch();
  }

  /** The longest time for which a name was seen to be missing. */
  get longestMissingMs(): number {
    return Math.max(0, ...this.#longestMissingMs.values());
  }

  /** Stops. Returns what was seen that must never be. */
  async stop(): Promise<readonly string[]> {
    await this[Symbol.asyncDispose]();
    if (this.#looks === 0) {
      return ['the slots could never be looked at'];
    }
    return this.#violations;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await Promise.allSettled([this.#onStandby?.close(), this.#onPrimary?.close()]);
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#look();
      } catch {
        // A server that is down or starting: that is what the test is about.
      }
      await sleep(EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    if (this.#onStandby === undefined || this.#onStandby.broken) {
      const isBack = this.#onStandby !== undefined;
      this.#onStandby = await connect(this.#standby);
      this.#found = isBack ? await readPositions(this.#onStandby) : new Map();
    }
    // What bounds the positions only grows, so it is read after them.
    const positions = await readPositions(this.#onStandby);
    const replayed = await readReplayed(this.#onStandby);
    if (replayed === undefined) {
      return;
    }
    this.#looks += 1;
    for (const [name, position] of positions) {
      // A crash sets replay back to what is consistent, and not what is on disk.
      this.#require(
        position <= replayed || position === this.#found.get(name),
        `${name} at ${formatLsn(position)}, replayed ${formatLsn(replayed)}`,
      );
    }
    this.#noteMissing(positions);
    if (this.#onPrimary === undefined || this.#onPrimary.broken) {
      this.#onPrimary = await connect(this.#primary);
    }
    const confirmed = await readPositions(this.#onPrimary);
    for (const name of this.#names) {
      const [here, there] = [positions.get(name), confirmed.get(name)];
      if (here !== undefined && there !== undefined) {
        this.#require(here <= there, `${name} at ${formatLsn(here)}, confirmed ${formatLsn(there)}`);
      }
    }
  }

  #require(holds: boolean, violation: string): void {
    if (!holds) {
      this.#violations.push(violation);
    }
  }

  #noteMissing(positions: ReadonlyMap<string, Lsn>): void {
    const now = performance.now();
    for (const name of this.#names) {
      if (positions.has(name)) {
        this.#missingSince.delete(name);
        continue;
      }
      const since = this.#missingSince.get(name) ?? now;
      this.#missingSince.set(name, since);
      this.#longestMissingMs.set(name, Math.max(now - since, this.#longestMissingMs.get(name) ?? 0));
    }
  }
}

function connect(server: PostgresServer): Promise<PostgresConnection> {
  return connectPostgres({ url: server.url(), applicationName: 'watch', connectTimeoutMs: 10_000 });
}

async function readPositions(connection: PostgresConnection): Promise<ReadonlyMap<string, Lsn>> {
  const text = `
    select slot_name::text, confirmed_flush_lsn::text as position
      from pg_get_replication_slots() where confirmed_flush_lsn is not null`;
  const rows = await connection.run<PositionRow>({ name: 'watch_positions', text }, { timeoutMs: 30_000 });
  return new Map(rows.map((row) => [row.slot_name, parseLsn(row.position)]));
}

/** `undefined` when the server has left recovery. */
async function readReplayed(connection: PostgresConnection): Promise<Lsn | undefined> {
  const text = 'select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end as lsn';
  const [row] = await connection.run<{ lsn: string | null }>(
    { name: 'watch_replay', text },
    { timeoutMs: 30_000 },
  );
  const replayed = row?.lsn ?? undefined;
  return replayed === undefined ? undefined : parseLsn(replayed);
}
