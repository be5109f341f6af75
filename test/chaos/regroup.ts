import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { whyOf } from '../support/node-records.ts';
import type { Cast } from './cast.ts';
import type { ServerName } from './round-plan.ts';

/** A server that cannot follow, because it has WAL that the new primary lacks, never streams. */
const FOLLOW_TIMEOUT_MS = 10_000;
/** For all of it: an end, a start, a clone, another start. */
const REJOIN_TIMEOUT_MS = 300_000;
/** How long a slot may need to come after the one on the new primary, or to say why it does not. */
const FOLLOWING_TIMEOUT_MS = 90_000;

/** Makes these servers standbys of the present primary, with their services. What a server has is kept where that is possible. */
export async function regroup(names: readonly ServerName[], cast: Cast): Promise<void> {
  const primary = cast.host(cast.primary).server;
  for (const name of names) {
    const host = cast.host(name);
    await cast.diary.act(
      `${name} follows ${cast.primary}`,
      () => rejoin(host.server, primary),
      REJOIN_TIMEOUT_MS,
    );
    await cast.diary.act(`repair of the services beside ${name}`, () => host.repair());
    await cast.diary.act(`readiness beside ${name}`, () => host.ready());
  }
}

async function rejoin(server: PostgresServer, primary: PostgresServer): Promise<void> {
  try {
    await server.follow(primary, { timeoutMs: FOLLOW_TIMEOUT_MS });
  } catch {
    // It parted from the new primary, which is what a clone from anew is for; if that is not why, the clone fails, too.
    await server.recloneFrom(primary);
  }
}

/**
 * What is wrong with the slots of a standby: each comes to where the slot on the primary stands now and is ready there, or says why it is not.
 * Slots that are out of reach on the primary are nobody's to follow.
 */
export async function judgeFollowing(name: ServerName, cast: Cast): Promise<readonly string[]> {
  const primary = cast.host(cast.primary).server;
  const standing = await positions(primary);
  const since = Date.now();
  const findings = await cast.diary.act(`the slots on ${name} follow`, () =>
    Promise.all([...standing].map(([slot, target]) => untilFollowing({ name, slot, target, since }, cast))),
  );
  return findings.flat();
}

interface Following {
  readonly name: ServerName;
  readonly slot: string;
  /** Where the slot on the primary stood. */
  readonly target: bigint;
  /** Milliseconds since 1970 at that time. */
  readonly since: number;
}

async function untilFollowing(
  { name, slot, target, since }: Following,
  cast: Cast,
): Promise<readonly string[]> {
  const { server } = cast.host(name);
  const { records } = cast.scene;
  const deadline = performance.now() + FOLLOWING_TIMEOUT_MS;
  let place: bigint | undefined;
  const follows = (): boolean => records.slot(name, slot)?.state === 'ready' && (place ?? 0n) >= target;
  const saysWhy = (): boolean => {
    const record = records.slot(name, slot);
    return record !== undefined && record.state !== 'ready' && record.time >= since && whyOf(record) !== '';
  };
  await waitUntil(
    async () => {
      place = (await positions(server)).get(slot);
      return follows() || performance.now() >= deadline;
    },
    { describe: `${slot} on ${name}`, timeoutMs: FOLLOWING_TIMEOUT_MS * 2, intervalMs: 200 },
  );
  if (follows() || saysWhy()) {
    return [];
  }
  const record = records.slot(name, slot);
  return [
    `${slot} on ${name} stands at ${place ?? 'nowhere'}, on the primary at ${target}, and is ${record?.state ?? 'not'} on record (${whyOf(record)})`,
  ];
}

/** Bytes of WAL that each readable logical slot has confirmed. */
async function positions(server: PostgresServer): Promise<ReadonlyMap<string, bigint>> {
  const rows = await server.query<{ slot: string; confirmed: string }>(
    `select slot_name::text as slot, (confirmed_flush_lsn - '0/0')::text as confirmed
       from pg_replication_slots where slot_type = 'logical' and slot_name like 'app%' and confirmed_flush_lsn is not null`,
  );
  return new Map(rows.map(({ slot, confirmed }) => [slot, BigInt(confirmed)]));
}
