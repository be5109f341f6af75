import type { Finding, FindingCode } from './precondition-check.ts';

/** A precondition of the server that a restart of slotcast will not fix. */
export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
  /** The finding's code, such as `wal_level`. */
  readonly code: FindingCode;

  constructor(finding: Pick<Finding, 'code' | 'message'>) {
    super(finding.message);
    this.code = finding.code;
  }
}
