import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { xidPrecedesOrEquals } from '../vocabulary/slot-state.ts';
import { createPhysicalSlot, setByReload, slotNameOf, usePhysicalSlot } from '../vocabulary/statements.ts';

/** One physical slot on the way from this standby to the primary. */
export interface PinLink {
  readonly slot: string;
  /** The server that has the slot: the primary, or a standby in between. */
  readonly holder: string;
  /** Absent when the slot holds back no catalog rows. */
  readonly catalogXmin?: number | undefined;
  /** `hot_standby_feedback` of a holder in between; a standby with it off passes nothing on. */
  readonly feedback: boolean;
}

/**
 * What keeps the primary's vacuum from removing catalog rows that a logical slot on this standby still needs: feedback
 * from here, kept by a physical slot on every server upstream.
 */
export interface PinFacts {
  readonly hotStandbyFeedback: boolean;
  /** Physical slot that this standby streams from. */
  readonly primarySlotName?: string | undefined;
  readonly links: readonly PinLink[];
  /** Name of a physical slot that no known server upstream has. */
  readonly missing?: string | undefined;
  /** A node in between that streams without a physical slot. */
  readonly unslotted?: string | undefined;
}

export type PinVerdict =
  | { readonly kind: 'held' }
  | {
      readonly kind: 'blocked';
      /** What is so, and what mends it, in one line. */
      readonly reason: string;
      readonly fact: string;
      /** The statements that mend it, with comments that say where. */
      readonly remedy: string;
    };

/** A chain longer than this is a loop in the records. */
const MAX_CASCADE = 16;

/** Follows the physical slots from this standby up to the primary, by what the topics say of them. */
export function findPin(
  self: {
    readonly node: string;
    readonly hotStandbyFeedback: boolean;
    readonly primarySlotName?: string | undefined;
  },
  slots: ReadonlyMap<SlotName, SlotEvent>,
  nodes: ReadonlyMap<string, NodeStatus>,
): PinFacts {
  const { hotStandbyFeedback, primarySlotName } = self;
  const links: PinLink[] = [];
  let wanted = primarySlotName;
  while (wanted !== undefined && links.length < MAX_CASCADE) {
    const name = wanted;
    const onPrimary = [...slots.values()].find((event) => event.slot === name && event.op !== 'drop');
    if (onPrimary?.state?.type === 'physical') {
      links.push({
        slot: name,
        holder: onPrimary.node,
        catalogXmin: onPrimary.state.catalogXmin,
        feedback: true,
      });
      return { hotStandbyFeedback, primarySlotName, links };
    }
    const between = [...nodes.values()].find(
      (node) =>
        node.role === 'standby' &&
        node.node !== self.node &&
        node.physicalSlots.some((slot) => slot.name === name),
    );
    if (between === undefined) {
      return { hotStandbyFeedback, primarySlotName, links, missing: name };
    }
    const catalogXmin = between.physicalSlots.find((slot) => slot.name === name)?.catalogXmin;
    links.push({
      slot: name,
      holder: between.node,
      catalogXmin,
      feedback: between.hotStandbyFeedback === true,
    });
    wanted = between.primarySlotName;
    if (wanted === undefined) {
      return { hotStandbyFeedback, primarySlotName, links, unslotted: between.node };
    }
  }
  return { hotStandbyFeedback, primarySlotName, links, missing: wanted };
}

/**
 * Says whether catalog rows are held back for a logical slot here. Without `catalogXmin` (no slot yet) only the settings
 * and the existence of the physical slots count.
 */
export function judgePin(pin: PinFacts, catalogXmin: number | undefined): PinVerdict {
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

function judgeLinks(links: readonly PinLink[], catalogXmin: number | undefined): PinVerdict {
  for (const link of links) {
    if (!link.feedback) {
      return blocked({
        fact: `hot_standby_feedback is off on node ${link.holder}, which this standby streams from`,
        advice: 'set it on there',
        remedy: `/* on ${link.holder} */ ${setByReload('hot_standby_feedback', 'on')}`,
      });
    }
    if (catalogXmin !== undefined && !holdsBack(link, catalogXmin)) {
      return blocked({
        fact: `the physical slot ${link.slot} on ${link.holder} does not hold back catalog rows for it yet (catalog_xmin ${link.catalogXmin ?? 'not set'}, needed ${catalogXmin})`,
        advice: 'it follows within wal_receiver_status_interval of this standby',
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
