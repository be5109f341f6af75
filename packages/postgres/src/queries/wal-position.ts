import { type Lsn, parseLsn } from '@slotcast/domain';

/** A `pg_lsn` column: null and `0/0`, PostgreSQL's invalid position, are absent. Throws a RangeError on other text. */
export function optionalLsn(text: string | null): Lsn | undefined {
  return text === null || text === '0/0' ? undefined : parseLsn(text);
}

/** A `pg_lsn` column that a server in this state always fills. Throws a RangeError when it did not; `what` names it. */
export function requiredLsn(text: string | null, what: string): Lsn {
  const position = optionalLsn(text);
  if (position === undefined) {
    throw new RangeError(`the server did not tell ${what}`);
  }
  return position;
}
