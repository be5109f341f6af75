import { type CheckArea, type CheckName, checkTable } from './check-table.ts';

/** `ok` and `info` need nothing, a `warning` is better fixed, what `failed` keeps slots from following a failover. */
export const checkOutcomes = ['ok', 'info', 'warning', 'failed'] as const;
export type CheckOutcome = (typeof checkOutcomes)[number];

/** What a service does not do as long as a check fails: run at all, or keep its slots ready. */
export type Stopped = 'service' | 'slots';

/** What came of one check. */
export interface Check {
  readonly area: CheckArea;
  readonly check: CheckName;
  readonly outcome: CheckOutcome;
  /** What is so. */
  readonly message: string;
  /** The statements or settings that fix it, with comments that say where; empty where nothing is to be fixed. */
  readonly remedy: string;
  /** Only of what failed, and only where a service asks. */
  readonly stops?: Stopped;
}

/** What is so and what fixes it, in one line. */
export function checkText({ message, remedy }: Pick<Check, 'message' | 'remedy'>): string {
  return `${message}: ${remedy}`;
}

export function ok(check: CheckName, message: string): Check {
  return outcomeOf(check, 'ok', message, '');
}

export function info(check: CheckName, message: string, remedy = ''): Check {
  return outcomeOf(check, 'info', message, remedy);
}

export function warning(check: CheckName, message: string, remedy: string): Check {
  return outcomeOf(check, 'warning', message, remedy);
}

export function failed(check: CheckName, message: string, remedy: string): Check {
  return outcomeOf(check, 'failed', message, remedy);
}

/** What was found, or that there is nothing to find fault with. */
export function orOk(found: readonly Check[], check: CheckName, message: string): readonly Check[] {
  return found.length === 0 ? [ok(check, message)] : found;
}

function outcomeOf(check: CheckName, outcome: CheckOutcome, message: string, remedy: string): Check {
  return { area: checkTable[check].area, check, outcome, message, remedy };
}
