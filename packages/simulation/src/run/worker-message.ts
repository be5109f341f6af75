import type { Totals } from './totals.ts';

/** What a process that searches tells who started it. */
export type WorkerMessage =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'end'; readonly totals: Totals };
