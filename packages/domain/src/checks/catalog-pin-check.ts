import { judgePin } from '../following/catalog-pin.ts';
import { findPin } from '../following/pin-path.ts';
import { reasonText } from '../reasons/reason.ts';
import { NODE_SILENT_MS } from '../vocabulary/protocol-timings.ts';
import { isInvalidated, type LocalSlot } from '../vocabulary/slot-state.ts';
import { type Check, failed, info, ok } from './check.ts';
import type { TopicContents } from './topic-checks.ts';

/**
 * Judges what holds back catalog rows for the logical slots of a standby, by what the topics say of the servers upstream. Where
 * feedback or the physical slot is missing here, the checks of these settings say so, and there is nothing to follow.
 */
export function checkCatalogPin(
  self: {
    readonly node: string;
    readonly hotStandbyFeedback: boolean;
    readonly primarySlotName: string | undefined;
    readonly slots: readonly LocalSlot[];
  },
  { manifest, slots, nodes, silentMs }: TopicContents,
): readonly Check[] {
  if (!self.hotStandbyFeedback || self.primarySlotName === undefined) {
    return [];
  }
  if (manifest === undefined) {
    return [info('catalog_pin', 'not known: no publisher has written anything yet')];
  }
  const silent = new Set([...silentMs].flatMap(([node, ms]) => (ms > NODE_SILENT_MS ? [node] : [])));
  const pin = findPin(self, { slots, nodes, primary: manifest.node, silent });
  // A slot that was invalidated shows its catalog_xmin still, and needs nothing any more.
  const needing = self.slots.filter(
    (slot) => slot.type === 'logical' && !slot.temporary && !slot.synced && !isInvalidated(slot),
  );
  const needed = needing.flatMap(({ catalogXmin }) => (catalogXmin === undefined ? [] : [catalogXmin]));
  // Without a slot yet, the way up must be there all the same.
  for (const catalogXmin of needed.length === 0 ? [undefined] : needed) {
    const verdict = judgePin(pin, catalogXmin);
    if (verdict.kind === 'blocked') {
      return [failed('catalog_pin', reasonText(verdict.reasons), verdict.remedy)];
    }
  }
  const way = pin.links.map(
    ({ slot, holder, catalogXmin }) => `${slot} on ${holder} (${xminText(catalogXmin)})`,
  );
  return [ok('catalog_pin', `held by ${way.join(', ')}`)];
}

function xminText(catalogXmin: number | undefined): string {
  return catalogXmin === undefined ? 'no catalog_xmin, as no slot needs one' : `catalog_xmin ${catalogXmin}`;
}
