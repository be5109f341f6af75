import { supports } from './server-version.ts';

/** Changes a setting that takes a reload. */
export function setByReload(name: string, value: string): string {
  return `ALTER SYSTEM SET ${name} = ${value}; SELECT pg_reload_conf();`;
}

/** Makes a physical slot upstream and has a standby stream from it. */
export function usePhysicalSlot(
  slot: string,
  where: { readonly upstream: string; readonly standby: string } = { upstream: 'upstream', standby: 'here' },
): string {
  const setting = setByReload('primary_slot_name', quoteLiteral(slot));
  return `/* ${where.upstream} */ ${createPhysicalSlot(slot)} /* ${where.standby} */ ${setting}`;
}

export function createPhysicalSlot(slot: string): string {
  return `SELECT pg_create_physical_replication_slot(${quoteLiteral(slot)}, true);`;
}

/** Lets a role call a function; rights on functions belong to a database, and come to a standby from its primary. */
export function grantExecute(
  called: string,
  { role, database }: { readonly role: string; readonly database: string },
): string {
  return `/* on the primary, in database ${database} */ GRANT EXECUTE ON FUNCTION ${called} TO ${role};`;
}

/** The function that writes a text to WAL, as a server of that major version has it. */
export function emitMessageFunction(major: number): string {
  return `pg_logical_emit_message(boolean, text, text${supports(major, 'messageFlush') ? ', boolean' : ''})`;
}

export function dropSlotStatement(slot: string): string {
  return `SELECT pg_drop_replication_slot(${quoteLiteral(slot)});`;
}

/** Makes a physical slot anew that was invalidated; nobody can stream through it while it is. */
export function remakePhysicalSlot(slot: string): string {
  return `SELECT pg_drop_replication_slot(${quoteLiteral(slot)}); ${createPhysicalSlot(slot)}`;
}

/** A list as `ALTER SYSTEM SET` takes it. */
export function literalList(values: readonly string[]): string {
  return values.map(quoteLiteral).join(', ');
}

/** A name that a physical slot can have, from a node's name: `DB-2.example` gives `db_2_example`. */
export function slotNameOf(node: string): string {
  return node
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_')
    .slice(0, 63);
}

function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
