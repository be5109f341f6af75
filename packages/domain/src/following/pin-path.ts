import type { Lsn } from '../vocabulary/lsn.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated } from '../vocabulary/slot-state.ts';

/** One physical slot on the way from this standby to the primary. */
export interface PinLink {
  readonly slot: string;
  /** The server that has the slot: the primary, or a standby in between. */
  readonly holder: string;
  /** Absent when the slot holds back no catalog rows. */
  readonly catalogXmin?: number | undefined;
  /** Somebody streams through it; absent when that is not known. */
  readonly active?: boolean | undefined;
  /** It shows a `catalog_xmin` still, but holds nothing back. */
  readonly invalidated?: boolean | undefined;
  /** `hot_standby_feedback` of a holder in between; a standby with it off passes nothing on. */
  readonly feedback: boolean;
  /** WAL up to here was reported as received by who streams through it. */
  readonly restartLsn?: Lsn | undefined;
  /** A node in between that streams through it, and what it had received when it told of its own slots; absent for this standby itself. */
  readonly streamer?: { readonly node: string; readonly receivedLsn?: Lsn | undefined } | undefined;
  /** The primary's position when it was seen like this; absent on a standby in between. */
  readonly seenLsn?: Lsn | undefined;
}

/**
 * What keeps the primary's vacuum from removing catalog rows that a logical slot on this standby still needs: feedback
 * from here, kept by a physical slot on every server upstream.
 */
export interface PinFacts {
  readonly hotStandbyFeedback: boolean;
  /** Physical slot that this standby streams from. */
  readonly primarySlotName?: string | undefined;
  /** The way up; all ways that are possible where a name is `doubtful`. */
  readonly links: readonly PinLink[];
  /** A name that several servers have a slot of, when it cannot be told through which of them the stream goes. */
  readonly doubtful?: { readonly slot: string; readonly holders: readonly string[] } | undefined;
  /** Name of a physical slot that no known server upstream has. */
  readonly missing?: string | undefined;
  /** A node in between that streams without a physical slot. */
  readonly unslotted?: string | undefined;
  /** The primary, and since when it runs: another one, or one that was restarted, may have let go of what was held. */
  readonly primary?: string | undefined;
}

/** What both topics say of the servers upstream. */
export interface PinSources {
  /** The newest event of each slot of the primary. */
  readonly slots: ReadonlyMap<SlotName, SlotEvent>;
  readonly nodes: ReadonlyMap<string, NodeStatus>;
  /** The node that published last. */
  readonly primary: string | undefined;
  /** Nodes that have not written for so long (`NODE_SILENT_MS`) that their records do not tell any more who streams from them. */
  readonly silent: ReadonlySet<string>;
}

/**
 * Follows the physical slots from this standby up to the primary, by what the topics say of them. Nothing says which server a standby
 * streams from but the name of its slot, and several servers may have one of that name, made there for a later promotion.
 */
export function findPin(
  self: {
    readonly node: string;
    readonly hotStandbyFeedback: boolean;
    readonly primarySlotName?: string | undefined;
  },
  sources: PinSources,
): PinFacts {
  const { hotStandbyFeedback, primarySlotName } = self;
  const links: PinLink[] = [];
  const followed = new Set([self.node]);
  const open: OpenEnd[] = [{ node: self.node, name: primarySlotName }];
  let found: Pick<PinFacts, 'doubtful' | 'missing' | 'unslotted'> = {};
  let arrived = false;
  for (const { node, name, streamer } of open) {
    if (name === undefined) {
      found = node === self.node ? found : { unslotted: node, ...found };
      continue;
    }
    const holders = holdersOf(name, sources).filter(({ holder }) => holder !== self.node && holder !== node);
    const possible = inUse(holders);
    if (possible.length === 0) {
      found = { missing: name, ...found };
    }
    if (possible.length > 1) {
      found = { doubtful: { slot: name, holders: possible.map(({ holder }) => holder) }, ...found };
    }
    for (const { between, ...link } of possible) {
      links.push(streamer === undefined ? link : { ...link, streamer });
      arrived ||= between === undefined;
      if (between !== undefined && !followed.has(between.node)) {
        followed.add(between.node);
        open.push({
          node: between.node,
          name: between.primarySlotName,
          streamer: { node: between.node, receivedLsn: between.receiveLsn },
        });
      }
    }
  }
  if (!arrived && found.missing === undefined && found.unslotted === undefined) {
    // Records that lead in a circle lead nowhere.
    found = { ...found, missing: primarySlotName };
  }
  return { hotStandbyFeedback, primarySlotName, links, ...found, primary: identityOf(sources) };
}

/** The same without the positions, which move all the time, and say nothing of slots that are here. */
export function withoutPositions(pin: PinFacts): PinFacts {
  return {
    ...pin,
    links: pin.links.map((link) => ({
      ...link,
      restartLsn: undefined,
      seenLsn: undefined,
      streamer: undefined,
    })),
  };
}

/** A node whose way up is still to be followed. */
interface OpenEnd {
  readonly node: string;
  readonly name: string | undefined;
  readonly streamer?: PinLink['streamer'];
}

function identityOf({ primary, nodes }: PinSources): string | undefined {
  return primary === undefined ? undefined : `${primary}@${nodes.get(primary)?.serverStartedAt ?? ''}`;
}

/** A slot and who has it; `between` when that is no primary. */
interface Holder extends PinLink {
  readonly between?: NodeStatus | undefined;
}

function holdersOf(name: string, sources: PinSources): Holder[] {
  const onStandbys = [...sources.nodes.values()]
    .filter(({ role, node }) => role === 'standby' && node !== sources.primary)
    .flatMap((node): Holder[] => {
      const slot = node.physicalSlots.find((slot) => slot.name === name);
      return slot === undefined
        ? []
        : [
            {
              slot: name,
              holder: node.node,
              catalogXmin: slot.catalogXmin,
              active: sources.silent.has(node.node) ? undefined : slot.active,
              invalidated: slot.invalidated,
              feedback: node.hotStandbyFeedback === true,
              restartLsn: slot.restartLsn,
              between: node,
            },
          ];
    });
  return [...onPrimary(name, sources), ...onStandbys];
}

/** Positions come with the slot's own events at once; whether it is in use is no event, and comes with the node's record. */
function onPrimary(name: string, { slots, nodes, primary, silent }: PinSources): Holder[] {
  const event = [...slots.values()].find((event) => event.slot === name && event.op !== 'drop');
  if (event?.state?.type !== 'physical') {
    return [];
  }
  const holder = primary ?? event.node;
  const record = nodes.get(holder);
  const told = record?.role === 'primary' && !silent.has(holder) ? record.physicalSlots : [];
  return [
    {
      slot: name,
      holder,
      catalogXmin: event.state.catalogXmin,
      active: told.find((slot) => slot.name === name)?.active,
      invalidated: isInvalidated(event.state),
      feedback: true,
      restartLsn: event.state.restartLsn,
      seenLsn: event.lsn,
    },
  ];
}

/**
 * Those of several slots of one name through which the stream may go: the one in use. While none is, as between two connections, those that hold
 * anything back, since a slot that was made for later does not, nor one that was left behind and invalidated.
 */
function inUse(holders: readonly Holder[]): readonly Holder[] {
  const active = holders.filter((holder) => holder.active === true);
  const holding = holders.filter(
    ({ catalogXmin, invalidated }) => catalogXmin !== undefined && invalidated !== true,
  );
  return [active, holding].find((some) => some.length > 0) ?? holders;
}
