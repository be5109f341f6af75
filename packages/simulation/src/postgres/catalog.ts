import type { ServerCore } from './core.ts';
import { endDatabase, nameDatabase } from './replay.ts';
import { refusal } from './sqlstate.ts';

/** Returns the oid of the new database. */
export function createDatabase(core: ServerCore, name: string): number {
  const oid = Math.max(...core.databases.keys()) + 1;
  changeDatabases(core, { kind: 'create_database', oid, name });
  return oid;
}

export function renameDatabase(core: ServerCore, oid: number, name: string): void {
  changeDatabases(core, { kind: 'rename_database', oid, name });
}

/** `DROP DATABASE … WITH (FORCE)`: its sessions end, and its slots go. Throws 55006 while one of them is in use. */
export function dropDatabase(core: ServerCore, oid: number): void {
  if (core.slots.all.some((slot) => slot.databaseOid === oid && slot.activePid !== undefined)) {
    throw refusal('55006', 'database is used by an active logical replication slot', 'dropdb');
  }
  core.write({ kind: 'drop_database', oid }, 64);
  core.flush();
  endDatabase(core, oid);
}

/** Removes catalog rows that no transaction and no slot can need; a standby learns how new the last one was. */
export function vacuumCatalogs(core: ServerCore): void {
  const needed = Math.min(core.transactions.oldestRunning, core.slots.oldestCatalogXmin() ?? Infinity);
  const removable = core.transactions.replacedCatalogRows.filter(({ xid }) => xid < needed);
  for (const database of new Set(removable.map((row) => row.database))) {
    const xids = removable.filter((row) => row.database === database).map(({ xid }) => xid);
    core.write({ kind: 'prune', horizon: Math.max(...xids), database }, 90);
  }
  core.flush();
}

function changeDatabases(
  core: ServerCore,
  change: {
    readonly kind: 'create_database' | 'rename_database';
    readonly oid: number;
    readonly name: string;
  },
): void {
  core.write(change, 64);
  core.flush();
  nameDatabase(core, change.oid, change.name);
}
