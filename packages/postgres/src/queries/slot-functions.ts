import { formatLsn, type Lsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';
import { nameUnlessPromoted, PromotedServerError } from './promoted-server.ts';

interface SlotLsnRow {
  readonly slot_name: string;
  readonly lsn: string;
}

/** A logical slot to make. */
export interface NewLogicalSlot {
  readonly name: string;
  readonly plugin: string;
  /** Makes nothing, and rejects with a PromotedServerError, on a server that is no standby any more. */
  readonly onStandbyOnly?: boolean | undefined;
  /** The creation is cancelled after this time; without it, it may wait for the longest transaction of the primary. */
  readonly timeoutMs?: number | undefined;
}

/** Where decoding by a new slot starts: all that was committed before is not seen by it. */
export interface CreatedSlot {
  readonly consistentPoint: Lsn;
}

/**
 * Makes a slot that lives as long as the session, and is dropped at the session's first error. On a standby (16+) it waits for
 * running-xacts records of the primary. Rejects with 42710 when the name is taken, 58P01 when the plugin is not installed,
 * 53400 when max_replication_slots is reached.
 */
export async function createTemporarySlot(
  connection: PostgresConnection,
  slot: NewLogicalSlot,
  signal?: AbortSignal,
): Promise<CreatedSlot> {
  const text = `
    select slot_name, lsn
      from pg_create_logical_replication_slot(${nameToMake(slot)}, $2, temporary => true)`;
  const values = [slot.name, slot.plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal, timeoutMs: slot.timeoutMs });
  return { consistentPoint: madeSlot(text, rows, slot).lsn };
}

/** Makes a persistent slot. `twoPhase` needs 14+ (42883 before). Rejects as `createTemporarySlot` does. */
export async function createLogicalSlot(
  connection: PostgresConnection,
  slot: NewLogicalSlot & { readonly twoPhase: boolean },
  signal?: AbortSignal,
): Promise<CreatedSlot> {
  const twoPhase = slot.twoPhase ? ', twophase => true' : '';
  const text = `
    select slot_name, lsn
      from pg_create_logical_replication_slot(${nameToMake(slot)}, $2, temporary => false${twoPhase})`;
  const values = [slot.name, slot.plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal, timeoutMs: slot.timeoutMs });
  return { consistentPoint: madeSlot(text, rows, slot).lsn };
}

/** A logical slot to copy. */
export interface SlotToCopy {
  readonly source: string;
  readonly target: string;
  readonly plugin: string;
  /** Also on a server that is no standby any more: for who decides which slots a promoted server has. */
  readonly onPromoted?: boolean | undefined;
}

/**
 * Copies a logical slot to a persistent one of another name, with the positions of the source. The connection must be
 * to the source's database, because the copy gets the session's. A copy is never two_phase. Rejects with a PromotedServerError, and makes nothing, on a server that is
 * not in recovery: whoever made it there by a statement that came late would not know of it.
 */
export async function copySlot(
  connection: PostgresConnection,
  { source, target, plugin, onPromoted = false }: SlotToCopy,
  signal?: AbortSignal,
): Promise<{ readonly confirmedFlushLsn: Lsn }> {
  const text = `
    select slot_name, lsn
      from pg_copy_logical_replication_slot($1, ${nameToMake({ onStandbyOnly: !onPromoted }, '$2')}, temporary => false, plugin => $3)`;
  const values = [source, target, plugin];
  const rows = await connection.run<SlotLsnRow>({ text, values }, { signal });
  const wanted = { name: target, onStandbyOnly: !onPromoted };
  return { confirmedFlushLsn: madeSlot(text, rows, wanted).lsn };
}

/**
 * Copies a logical slot to several persistent ones in one statement, one after the other. The first error ends the statement; the copies before it
 * are there all the same. The rest is as with `copySlot`.
 */
export async function copySlots(
  connection: PostgresConnection,
  slots: {
    readonly source: string;
    readonly targets: readonly { readonly slot: SlotName; readonly plugin: string }[];
  },
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select wanted.name, made.lsn
      from unnest($2::name[], $3::name[]) as wanted (name, plugin),
           pg_copy_logical_replication_slot($1, ${nameUnlessPromoted('wanted.name')}, temporary => false, plugin => wanted.plugin) as made`;
  const { source, targets } = slots;
  const values = [source, targets.map(({ slot }) => slot), targets.map(({ plugin }) => plugin)];
  const rows = await connection.run<{ name: string; lsn: string | null }>({ text, values }, { signal });
  const refused = rows.filter(({ lsn }) => lsn === null).map(({ name }) => name);
  if (refused.length > 0) {
    throw new PromotedServerError(refused);
  }
}

/** Which of these names are taken on the server. */
export async function readExistingSlots(
  connection: PostgresConnection,
  names: readonly SlotName[],
  signal?: AbortSignal,
): Promise<ReadonlySet<SlotName>> {
  const text = 'select slot_name from pg_replication_slots where slot_name = any($1::name[])';
  const rows = await connection.run<{ slot_name: string }>({ text, values: [names] }, { signal });
  return new Set(rows.map((row) => parseSlotName(row.slot_name)));
}

interface SlotOidRow {
  readonly datoid: number | null;
}

/** The oid of a slot's database, which may be gone; `undefined` for a physical slot and where there is no slot. */
export async function readSlotDatabase(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const text = 'select datoid from pg_replication_slots where slot_name = $1';
  const [row] = await connection.run<SlotOidRow>({ text, values: [name] }, { signal });
  return row?.datoid ?? undefined;
}

/**
 * Ends the sessions that are still making one of these slots; with such a session its slot goes, too. Needs the same role, or
 * pg_signal_backend.
 */
export async function endCreations(
  connection: PostgresConnection,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select pg_terminate_backend(active_pid)
      from pg_replication_slots
     where slot_name = any($1::name[]) and confirmed_flush_lsn is null and active_pid is not null`;
  await connection.run({ text, values: [names] }, { signal });
}

/**
 * Ends what a killed process of this one's kind left on the server: sessions of the same role and `application_name` that hold a temporary slot
 * whose name begins with `prefix`, or are still making one of the `names`. They end by themselves only when the server notices.
 */
export async function endLeftSessions(
  connection: PostgresConnection,
  left: { readonly prefix: string; readonly names: readonly string[] },
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select pg_terminate_backend(a.pid)
      from pg_replication_slots as s
      join pg_stat_activity as a on a.pid = s.active_pid
     where a.usename = current_user and a.application_name = current_setting('application_name')
       and (s.temporary and starts_with(s.slot_name::text, $1)
            or s.slot_name = any($2::name[]) and s.confirmed_flush_lsn is null)`;
  await connection.run({ text, values: [left.prefix, left.names] }, { signal });
}

/** Where a slot is to go. */
export interface AdvanceTarget {
  readonly name: SlotName;
  readonly target: Lsn;
}

/** Where a slot arrived: on a standby never past replay, so it may be before the target. */
export interface AdvancedSlot {
  readonly name: SlotName;
  readonly endLsn: Lsn;
}

interface AdvanceRow {
  readonly slot_name: string;
  readonly end_lsn: string;
}

/**
 * Moves several slots in one statement, one after the other. The connection must be to the slots' database. The first
 * error ends the statement: 42704 when a slot is missing, 55006 when one is in use, 55000 when one is already past
 * its target. The slots before it have moved all the same. On a primary (17+) a slot with `failover` may have to wait, without an end, for the
 * standbys in `synchronized_standby_slots`.
 */
export async function advanceSlots(
  connection: PostgresConnection,
  targets: readonly AdvanceTarget[],
  limits: StatementLimits = {},
): Promise<readonly AdvancedSlot[]> {
  const text = `
    select moved.slot_name, moved.end_lsn
      from unnest($1::name[], $2::pg_lsn[]) as wanted (name, target),
           pg_replication_slot_advance(wanted.name, wanted.target) as moved`;
  const values = [targets.map((slot) => slot.name), targets.map((slot) => formatLsn(slot.target))];
  const rows = await connection.run<AdvanceRow>({ name: 'slotcast_advance_slots', text, values }, limits);
  return rows.map((row) => ({ name: parseSlotName(row.slot_name), endLsn: parseLsn(row.end_lsn) }));
}

/** Moves one slot. Rejects as `advanceSlots` does. */
export async function advanceSlot(
  connection: PostgresConnection,
  slot: AdvanceTarget,
  limits: StatementLimits = {},
): Promise<AdvancedSlot> {
  const [moved] = await advanceSlots(connection, [slot], limits);
  if (moved === undefined) {
    throw new Error(`pg_replication_slot_advance returned no row for slot ${slot.name}`);
  }
  return moved;
}

function nameToMake({ onStandbyOnly }: Pick<NewLogicalSlot, 'onStandbyOnly'>, name = '$1'): string {
  return onStandbyOnly === true ? nameUnlessPromoted(name) : name;
}

function madeSlot(
  text: string,
  rows: readonly Partial<SlotLsnRow>[],
  { name, onStandbyOnly }: Pick<NewLogicalSlot, 'name' | 'onStandbyOnly'>,
): { readonly lsn: Lsn } {
  const [row] = rows;
  if (typeof row?.lsn === 'string') {
    return { lsn: parseLsn(row.lsn) };
  }
  throw onStandbyOnly === true ? new PromotedServerError([name]) : new Error(`returned no slot: ${text}`);
}
