import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import type { Cast } from './cast.ts';
import type { StubbornSubscriber } from './subscriber.ts';
import type { Report, SlotOutcome } from './verdict.ts';

/** How long a subscriber may need to come to the present once all is repaired. */
const PRESENT_TIMEOUT_MS = 60_000;

/** Writes a last row on the primary and compares, row by row, what stands there with what each subscriber has got. Nobody writes afterwards. */
export async function compareContent(
  subscribers: readonly StubbornSubscriber[],
  cast: Cast,
): Promise<readonly SlotOutcome[]> {
  const { server } = cast.host(cast.primary);
  const last = await cast.writer.writeLast(server);
  const rows = await server.query<{ id: number }>('select id from numbers order by id');
  return await Promise.all(
    subscribers.map(async (subscriber) => {
      const isAtPresent = await arrives(subscriber, last, server);
      return {
        slot: subscriber.slot,
        missing: subscriber.newlyMissing(rows.map(({ id }) => id)),
        isInReach: await isInReach(server, subscriber.slot),
        isAtPresent,
        reported: reportOf(cast, subscriber.slot),
        lastError: subscriber.lastError,
      };
    }),
  );
}

/** Whether the row arrives, unless the slot is out of reach. */
async function arrives(
  subscriber: StubbornSubscriber,
  row: number,
  server: PostgresServer,
): Promise<boolean> {
  const deadline = performance.now() + PRESENT_TIMEOUT_MS;
  await waitUntil(
    async () =>
      subscriber.received.has(row) ||
      !(await isInReach(server, subscriber.slot)) ||
      performance.now() >= deadline,
    { describe: `the last row at ${subscriber.slot}`, timeoutMs: PRESENT_TIMEOUT_MS * 2, intervalMs: 100 },
  );
  return subscriber.received.has(row);
}

async function isInReach(server: PostgresServer, slot: string): Promise<boolean> {
  const rows = await server.query(
    "select from pg_replication_slots where slot_name = $1 and slot_type = 'logical' and confirmed_flush_lsn is not null",
    [slot],
  );
  return rows.length === 1;
}

/** What the new primary's node has on record of the slot. After an orderly shutdown nothing is unknown, so that such a report tells nobody anything. */
function reportOf({ scene, primary, wasOrderly }: Cast, slot: string): Report | undefined {
  const promotion = scene.records.node(primary)?.promotion;
  const ahead = promotion?.ahead.find((entry) => entry.slot === slot);
  if (ahead !== undefined) {
    return wasOrderly && ahead.outcome === 'unknown' ? undefined : ahead.outcome;
  }
  return promotion?.lost.some((entry) => entry.slot === slot) === true ? 'lost' : undefined;
}
