import { reason } from '../reasons/reason.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { xidPrecedesOrEquals } from '../vocabulary/slot-state.ts';
import {
  createPhysicalSlot,
  remakePhysicalSlot,
  setByReload,
  slotNameOf,
  usePhysicalSlot,
} from '../vocabulary/statements.ts';
import type { PinFacts, PinLink } from './pin-path.ts';

export type PinVerdict =
  | { readonly kind: 'held' }
  | {
      readonly kind: 'blocked';
      /** What is so, and what fixes it. */
      readonly reasons: readonly Reason[];
      /** The statements that fix it, with comments that say where. */
      readonly remedy: string;
    };

/**
 * Says whether catalog rows are held back for a logical slot here. Without `catalogXmin` (no slot yet) only the settings
 * and the existence of the physical slots count.
 */
export function judgePin(pin: PinFacts, catalogXmin: number | undefined): PinVerdict {
  return judgeSettings(pin) ?? withDoubt(judgeWay(pin, catalogXmin), pin);
}

/** What is wrong on this server itself. */
function judgeSettings(pin: PinFacts): PinVerdict | undefined {
  if (!pin.hotStandbyFeedback) {
    return blocked(reason('feedback_off'), setByReload('hot_standby_feedback', 'on'));
  }
  if (pin.primarySlotName === undefined) {
    return blocked(reason('no_primary_slot'), usePhysicalSlot('<node>'));
  }
  return undefined;
}

function judgeWay(pin: PinFacts, catalogXmin: number | undefined): PinVerdict {
  if (pin.missing !== undefined) {
    const remedy = `/* upstream */ ${createPhysicalSlot(pin.missing)}`;
    return blocked(reason('pin_slot_unknown', { slot: pin.missing }), remedy);
  }
  if (pin.unslotted !== undefined) {
    const remedy = usePhysicalSlot(slotNameOf(pin.unslotted), {
      upstream: `upstream of ${pin.unslotted}`,
      standby: `on ${pin.unslotted}`,
    });
    return blocked(reason('pin_unslotted', { node: pin.unslotted }), remedy);
  }
  return judgeLinks(pin.links, catalogXmin);
}

/** Where it cannot be told which way the stream goes, all have to hold; when one does not, whoever reads it has to know why that matters. */
function withDoubt(verdict: PinVerdict, { doubtful }: PinFacts): PinVerdict {
  if (verdict.kind === 'held' || doubtful === undefined) {
    return verdict;
  }
  const { slot, holders } = doubtful;
  const where = `${holders.slice(0, -1).join(', ')} and ${holders.at(-1) ?? ''}`;
  const doubt = reason('pin_ambiguous', { slot, nodes: where });
  return { ...verdict, reasons: [...verdict.reasons, doubt] };
}

function judgeLinks(links: readonly PinLink[], catalogXmin: number | undefined): PinVerdict {
  for (const link of links) {
    const { slot, holder: node } = link;
    if (!link.feedback) {
      const remedy = `/* on ${node} */ ${setByReload('hot_standby_feedback', 'on')}`;
      return blocked(reason('feedback_off_between', { node }), remedy);
    }
    if (link.invalidated === true) {
      const remedy = `/* on ${node} */ ${remakePhysicalSlot(slot)}`;
      return blocked(reason('pin_slot_invalidated', { slot, node }), remedy);
    }
    if (catalogXmin !== undefined && !holdsBack(link, catalogXmin)) {
      const code = link.active === false ? 'pin_not_streamed' : 'pin_not_held';
      const facts = { slot, node, catalog_xmin: link.catalogXmin, needed: catalogXmin };
      const remedy = `/* feedback is sent this often; 0 is never */ ${setByReload('wal_receiver_status_interval', "'1s'")}`;
      return blocked(reason(code, facts), remedy);
    }
  }
  return { kind: 'held' };
}

function holdsBack(link: PinLink, catalogXmin: number): boolean {
  return link.catalogXmin !== undefined && xidPrecedesOrEquals(link.catalogXmin, catalogXmin);
}

function blocked(why: Reason, remedy: string): PinVerdict {
  return { kind: 'blocked', reasons: [why], remedy };
}
