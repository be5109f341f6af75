import type { NodeStatus } from '../vocabulary/node-status.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import { isInvalidated, type PhysicalSlotState, type SlotState } from '../vocabulary/slot-state.ts';
import {
  createPhysicalSlot,
  remakePhysicalSlot,
  setByReload,
  slotNameOf,
  usePhysicalSlot,
} from '../vocabulary/statements.ts';
import { type Check, failed, info, ok, warning } from './check.ts';
import type { TopicContents } from './topic-checks.ts';

/** What a primary shows of the standbys that stream from it. */
export interface StandbysOfPrimary {
  readonly node: string;
  readonly physicalSlots: readonly PhysicalSlotState[];
  /** `application_name` of each walsender that streams WAL without a slot; absent when the role may not see them. */
  readonly slotless: readonly string[];
}

/** Judges on a primary whether each standby streams from a physical slot that holds back what the copies there need. */
export function checkStandbySlots(
  primary: StandbysOfPrimary,
  { nodes, nodeSlots }: Pick<TopicContents, 'nodes' | 'nodeSlots'>,
): readonly Check[] {
  const standbys = [...nodes.values()].filter(
    (node) => node.role === 'standby' && node.node !== primary.node,
  );
  const copying = new Set(
    nodeSlots.filter((slot) => slot.confirmedFlushLsn !== undefined).map(({ node }) => node),
  );
  const known = standbys.flatMap((node) => judgeStandby(primary, node, nodes, copying.has(node.node)));
  const named = new Set<string | undefined>(standbys.map((node) => node.primarySlotName));
  const unknown = primary.physicalSlots.filter(({ name }) => !named.has(name)).map(judgeUnknown);
  const slotless = primary.slotless
    .filter((name) => !nodes.has(name))
    .map((name) =>
      warning(
        'standby_slots',
        `${name} streams without a physical slot, so its feedback ends with the connection`,
        usePhysicalSlot(slotNameOf(name), { upstream: 'here', standby: `on ${name}` }),
      ),
    );
  const found = [...known, ...unknown, ...slotless];
  return found.length === 0 ? [info('standby_slots', 'this primary has no standby')] : found;
}

function judgeStandby(
  primary: StandbysOfPrimary,
  standby: NodeStatus,
  nodes: ReadonlyMap<string, NodeStatus>,
  hasCopies: boolean,
): Check[] {
  const { node, primarySlotName: name } = standby;
  const where = { upstream: 'here', standby: `on ${node}` };
  if (name === undefined) {
    const message = `node ${node} streams without a physical slot`;
    return [failed('standby_slots', message, usePhysicalSlot(slotNameOf(node), where))];
  }
  const slot = primary.physicalSlots.find((slot) => slot.name === name);
  const between = [...nodes.values()].flatMap((other) => {
    const there = other.physicalSlots.find((slot) => slot.name === name);
    return there === undefined || other.node === node || other.node === primary.node
      ? []
      : [{ node: other.node, active: there.active }];
  });
  const inUse = between.find(({ active }) => active === true);
  if (slot !== undefined && !slot.active && inUse !== undefined) {
    return [judgeSpare(slot, node, inUse.node)];
  }
  if (slot !== undefined) {
    return [judgeSlot(slot, node, hasCopies)];
  }
  if (between.length > 0) {
    // It streams from a standby, whose own slot here passes its feedback on.
    return [];
  }
  const message = `node ${node} is to stream from the physical slot ${name}, which does not exist`;
  return [failed('standby_slots', message, createPhysicalSlot(name))];
}

/** A cascaded standby's slot stands here, too, so that it can stream from this server one day. */
function judgeSpare({ name, restartLsn }: SlotState, node: string, between: string): Check {
  const holds = restartLsn === undefined ? '' : ', and its slot of that name here holds back WAL';
  return info('standby_slots', `node ${node} streams from ${between} through ${name}${holds}`);
}

/** What was invalidated shows its catalog_xmin still. */
function judgeLost({ name, invalidationReason, walStatus }: SlotState, whose: string, note: string): Check {
  const message = `the physical slot ${name}${whose} was invalidated (${invalidationReason ?? walStatus ?? 'lost'}), so it holds nothing back and nobody can stream through it`;
  return failed('standby_slots', message, `${note}${remakePhysicalSlot(name)}`);
}

/** A standby with feedback reports xmin at all times, but catalog_xmin only while it has logical slots (`GetReplicationHorizons`). */
function judgeSlot(slot: PhysicalSlotState, node: string, hasCopies: boolean): Check {
  const { name, active, xmin, catalogXmin } = slot;
  if (isInvalidated(slot)) {
    return judgeLost(slot, ` of node ${node}`, '');
  }
  if (!active) {
    const message = `the physical slot ${name} of node ${node} is not in use: the standby is away, or streams without it`;
    const remedy = `/* start ${node}; if it runs, there */ ${setByReload('primary_slot_name', `'${name}'`)}`;
    return failed('standby_slots', message, remedy);
  }
  const feedback = `/* on ${node} */ ${setByReload('hot_standby_feedback', 'on')}`;
  if (xmin === undefined && catalogXmin === undefined) {
    const message = `the physical slot ${name} of node ${node} holds nothing back: hot_standby_feedback is off there`;
    return failed('standby_slots', message, feedback);
  }
  if (catalogXmin === undefined && hasCopies) {
    const message = `the physical slot ${name} of node ${node} has no catalog_xmin, although slots are kept there`;
    return failed('standby_slots', message, feedback);
  }
  const holds = catalogXmin === undefined ? 'no slots to hold back for yet' : `catalog_xmin ${catalogXmin}`;
  return ok('standby_slots', `node ${node} streams from ${name}, ${holds}`);
}

function judgeUnknown(slot: PhysicalSlotState): Check {
  const { name, active, xmin, catalogXmin } = slot;
  if (isInvalidated(slot)) {
    return judgeLost(slot, '', '/* or drop it only, if its standby is gone for good */ ');
  }
  if (isPlaceholder(slot)) {
    const message = `the physical slot ${name} holds back nothing, and nobody has used it: it may keep the name of a quarantined slot taken`;
    return info('standby_slots', message, `/* if slotcast status says so */ slotcast release ${name}`);
  }
  if (!active) {
    const message = `nobody streams from the physical slot ${name}, which holds back WAL`;
    const remedy = `/* if its standby is gone for good */ SELECT pg_drop_replication_slot('${name}');`;
    return warning('standby_slots', message, remedy);
  }
  if (xmin === undefined && catalogXmin === undefined) {
    const remedy = `/* there, if it is a standby */ ${setByReload('hot_standby_feedback', 'on')}`;
    return info('standby_slots', `what streams from the physical slot ${name} sends no feedback`, remedy);
  }
  return ok('standby_slots', `the physical slot ${name} is in use, with feedback`);
}
