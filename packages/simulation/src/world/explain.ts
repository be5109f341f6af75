import { explainError as explainAsNode } from '@slotcast/node';
import { classifyPostgresError, isPostgresError } from '@slotcast/postgres';

/** As a node explains errors to its services, but for those of a server that nobody was prepared for: they get no code, so that they are found. */
export function explainError(error: unknown): unknown {
  const isUnexpected = isPostgresError(error) && classifyPostgresError(error).class === 'unexpected';
  return isUnexpected ? error : explainAsNode(error);
}
