import { type Reason, reasonText } from '@slotcast/domain';

/** A reason that is shown as this text, as its code is in no table. */
export function saying(text: string): Reason {
  return { code: text, facts: {} };
}

/** All that it says, as one sentence; empty for nothing. */
export function whyOf(of: { readonly reasons: readonly Reason[] } | undefined): string {
  return reasonText(of?.reasons ?? []);
}

/** The same of one reason. */
export function textOf(reason: Reason | undefined): string {
  return reason === undefined ? '' : reasonText([reason]);
}
