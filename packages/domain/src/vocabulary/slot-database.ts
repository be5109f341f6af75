/** The database of a logical slot. */
export interface SlotDatabase {
  /** At the time of the row or record: a database can be renamed, and two can swap their names. Absent when the database is gone. */
  readonly name: string | undefined;
  /** The same for the whole life of a database, and on all servers of a cluster. Absent where the database is known by its name alone. */
  readonly oid: number | undefined;
}

/** What a slot's row says of its database. */
interface InDatabase {
  readonly database?: string | undefined;
  readonly databaseOid: number;
}

export function databaseOf(slot: InDatabase): SlotDatabase {
  return { name: slot.database, oid: slot.databaseOid };
}

/** True when both are one database: by the oid where both tell it, else by the name. */
export function sameDatabase(a: SlotDatabase, b: SlotDatabase): boolean {
  return a.oid === undefined || b.oid === undefined ? a.name === b.name : a.oid === b.oid;
}

/** Tells databases apart, as a key of maps and sets. */
export function databaseKey({ name, oid }: SlotDatabase): string {
  return oid === undefined ? `name ${name}` : `oid ${oid}`;
}

/** What belongs to each database. */
export function byDatabase<Entry extends { readonly database: SlotDatabase }>(
  entries: readonly Entry[],
): readonly (readonly [SlotDatabase, readonly Entry[]])[] {
  const groups = new Map<string, [SlotDatabase, Entry[]]>();
  for (const entry of entries) {
    const key = databaseKey(entry.database);
    const [, group] = groups.get(key) ?? [entry.database, []];
    group.push(entry);
    groups.set(key, [entry.database, group]);
  }
  return [...groups.values()];
}
