/** Slots were not made, as the server is not in recovery any more. A statement may arrive long after it was sent. */
export class PromotedServerError extends Error {
  override name = 'PromotedServerError';

  constructor(slots: readonly string[]) {
    super(
      `not made: replication slot ${slots.join(', ')}. The server is no standby any more, and which slots a promoted server has is decided by its hand-off`,
    );
  }
}

/**
 * The name of a slot to make, for the call that makes it: null on a server that is not in recovery. The functions that make slots are strict and do nothing for a
 * null. As an argument it is worked out right before the call, for each row anew, where a condition of the statement could be looked at at any time.
 */
export function nameUnlessPromoted(name: string): string {
  return `case when pg_is_in_recovery() then ${name}::name end`;
}
