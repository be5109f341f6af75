import type { Check } from '@slotcast/domain';

/** The checks as `slotcast doctor --output json` prints them. */
export function checksJson(checks: readonly Check[]): readonly object[] {
  return checks.map(({ area, check, outcome, message, remedy }) => ({
    area,
    check,
    outcome,
    message,
    remedy,
  }));
}
