import type { FilterText } from '@slotcast/domain';
import type { Config } from './config.ts';

/** The slot filter as it was written. Only the very same text confirms it: a later change has to be confirmed anew. */
export function filterText({ raw, slotsConfirm }: Pick<Config, 'raw' | 'slotsConfirm'>): FilterText {
  const text = (raw.get('SLOTCAST_SLOTS')?.text ?? '').trim();
  return { text, confirmed: slotsConfirm?.trim() === text };
}
