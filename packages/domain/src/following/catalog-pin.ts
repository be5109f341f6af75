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
      /** What is so, and what fixes it, in one line. */
      readonly reason: string;
      readonly fact: string;
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
    return blocked({
      fact: 'hot_standby_feedback is off here, so vacuum on the primary may remove what this slot needs',
      advice: 'set hot_standby_feedback = on and reload',
      remedy: setByReload('hot_standby_feedback', 'on'),
    });
  }
  if (pin.primarySlotName === undefined) {
    return blocked({
      fact: 'this standby streams without a physical slot',
      advice:
        'create one upstream (pg_create_physical_replication_slot), set primary_slot_name to it and reload',
      remedy: usePhysicalSlot('<node>'),
    });
  }
  return undefined;
}

function judgeWay(pin: PinFacts, catalogXmin: number | undefined): PinVerdict {
  if (pin.missing !== undefined) {
    return blocked({
      fact: `the physical slot ${pin.missing} is not known upstream`,
      advice: 'create it there, and run slotcast beside every server in between',
      remedy: `/* upstream */ ${createPhysicalSlot(pin.missing)}`,
    });
  }
  if (pin.unslotted !== undefined) {
    return blocked({
      fact: `node ${pin.unslotted}, which this standby streams from, itself streams without a physical slot`,
      advice: 'create one upstream, set primary_slot_name to it there and reload',
      remedy: usePhysicalSlot(slotNameOf(pin.unslotted), {
        upstream: `upstream of ${pin.unslotted}`,
        standby: `on ${pin.unslotted}`,
      }),
    });
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
  const doubt = `${where} each have a physical slot ${slot}, and it cannot be told which of them is in use: drop it where it is not`;
  return { ...verdict, fact: `${verdict.fact} (${doubt})`, reason: `${verdict.reason}; ${doubt}` };
}

function judgeLinks(links: readonly PinLink[], catalogXmin: number | undefined): PinVerdict {
  for (const link of links) {
    if (!link.feedback) {
      return blocked({
        fact: `hot_standby_feedback is off on node ${link.holder}, which this standby streams from`,
        advice: 'set it on there',
        remedy: `/* on ${link.holder} */ ${setByReload('hot_standby_feedback', 'on')}`,
      });
    }
    if (link.invalidated === true) {
      return blocked({
        fact: `the physical slot ${link.slot} on ${link.holder} was invalidated and holds nothing back`,
        advice: 'drop it there and make it anew',
        remedy: `/* on ${link.holder} */ ${remakePhysicalSlot(link.slot)}`,
      });
    }
    if (catalogXmin !== undefined && !holdsBack(link, catalogXmin)) {
      return blocked({
        fact: `the physical slot ${link.slot} on ${link.holder} does not hold back catalog rows for it yet (catalog_xmin ${link.catalogXmin ?? 'not set'}, needed ${catalogXmin})`,
        advice:
          link.active === false
            ? 'nobody streams through it; it follows once this standby does'
            : 'it follows within wal_receiver_status_interval of this standby',
        remedy: `/* feedback is sent this often; 0 is never */ ${setByReload('wal_receiver_status_interval', "'1s'")}`,
      });
    }
  }
  return { kind: 'held' };
}

function holdsBack(link: PinLink, catalogXmin: number): boolean {
  return link.catalogXmin !== undefined && xidPrecedesOrEquals(link.catalogXmin, catalogXmin);
}

function blocked(why: {
  readonly fact: string;
  readonly advice: string;
  readonly remedy: string;
}): PinVerdict {
  const { fact, advice, remedy } = why;
  return { kind: 'blocked', reason: `${fact}: ${advice}`, fact, remedy };
}
