/**
 * What to do after an error. `retry`: the same again, after a pause. `stale`: what was known of the server is no longer so;
 * look again and plan anew. `cancelled`: it was interrupted, by the caller or by an administrator. `blocked`: this one slot
 * waits for somebody to fix something. `fatal`: configuration or privilege; a restart will not fix it. `unexpected`:
 * the table does not know it, probably a defect.
 */
export const postgresErrorClasses = [
  'retry',
  'stale',
  'cancelled',
  'blocked',
  'fatal',
  'unexpected',
] as const;
export type PostgresErrorClass = (typeof postgresErrorClasses)[number];

/** What an error means, and what is to be done. */
export interface ErrorVerdict {
  readonly class: PostgresErrorClass;
  /**
   * Of what is fatal: waiting for some minutes may help, as with a grant that a standby has not replayed yet, or a password that is
   * being changed.
   */
  readonly mayPass?: boolean;
  /** What would fix it. */
  readonly remedy: string;
}
