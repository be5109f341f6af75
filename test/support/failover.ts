import assert from 'node:assert/strict';
import type { Promotion } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { whyOf } from './node-records.ts';
import type { Scene } from './scene.ts';
import { insertRows, SlotReader } from './slot-reader.ts';

type Services = Awaited<ReturnType<Scene['bothServices']>>;

/** A row that no other part of a test writes; its arrival shows that a reader has come to the present. */
let marker = 1_000_000;

/** Starts both services beside the primary and the first standby, makes the slot `app1`, and waits until the standby could take it over. */
export async function protectSlot(
  scene: Scene,
): Promise<{ readonly there: Services; readonly here: Services }> {
  const there = await scene.bothServices(scene.primary);
  const here = await scene.bothServices(scene.standby());
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  await scene.untilReady('app1');
  return { there, here };
}

/** Waits for a record of a standby that was written since then: the slot of a primary is ready, too, and its services may not have seen yet that it is none any more. */
export async function readyAsStandby(
  scene: Scene,
  node: string,
  { slot, since }: { readonly slot: string; readonly since: number },
): Promise<void> {
  await waitUntil(
    () => {
      const record = scene.records.slot(node, slot);
      return record?.role === 'standby' && record.state === 'ready' && record.time > since;
    },
    { describe: () => `${slot} ready on ${node}, as a standby (${whyOf(scene.records.slot(node, slot))})` },
  );
}

/** Waits until the hand-off on a node is on record, for a promotion after `since` if that is given. */
export async function handedOver(scene: Scene, node: string, since?: Promotion): Promise<Promotion> {
  let seen: Promotion | undefined;
  await waitUntil(
    () => {
      seen = scene.records.node(node)?.promotion;
      return seen !== undefined && seen.timeline !== since?.timeline;
    },
    { describe: () => `the hand-off on ${node} (last seen: timeline ${seen?.timeline})`, timeoutMs: 60_000 },
  );
  assert.ok(seen);
  return seen;
}

/** Subscribers that are known to have been ahead: of others it is unknown when a commit came before the fence, as a busy machine may have it. */
export function knownAhead({ ahead }: Pick<Promotion, 'ahead'>): Promotion['ahead'] {
  return ahead.filter(({ outcome }) => outcome !== 'unknown');
}

/**
 * Consumes a slot on a server to the present, and checks that every row that is there has arrived, now or, as `earlier`, before. Returns all
 * that have arrived.
 */
export async function assertNothingMissing(
  server: PostgresServer,
  slot: string,
  options: { readonly earlier?: ReadonlySet<number>; readonly database?: string } = {},
): Promise<ReadonlySet<number>> {
  const { earlier = new Set<number>(), database = 'postgres' } = options;
  marker += 1;
  await insertRows(server, marker, marker, database);
  const reader = new SlotReader({ server, slot, database });
  await reader.until([marker]);
  await reader.stop();
  const arrived = new Set([...earlier, ...reader.received]);
  const rows = await server.query<{ id: number }>('select id from numbers order by id', [], database);
  const missing = rows.map(({ id }) => id).filter((id) => !arrived.has(id));
  assert.deepEqual(missing, [], `rows that did not reach slot ${slot} on ${server.name}`);
  return arrived;
}
