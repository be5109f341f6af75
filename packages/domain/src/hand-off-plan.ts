import { formatLsn, type Lsn, minLsn } from './lsn.ts';
import type { Ownership } from './node-status.ts';
import type { AheadOutcome, Promotion, SlotAhead, SlotLost } from './promotion-record.ts';
import { type SlotEvent, sameIncarnation } from './slot-event.ts';
import { isOwnWorkingSlot, parseSlotName, type SlotName } from './slot-name.ts';
import { isInvalidated, type LocalSlot, type SlotState } from './slot-state.ts';
import { type DivergencePolicy, type FencePass, isFenced, plausiblyConfirmed } from './wal-fence.ts';

/** Everything that the hand-off of a promoted server's slots depends on. */
export interface HandOffInput {
  /** The newest event of each slot on the line of descent that was left at `switchLsn`; those beyond it count, too. */
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  /** Slots of the promoted server. */
  readonly local: readonly LocalSlot[];
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  readonly lineage: string | undefined;
  readonly wanted: (slot: SlotState) => boolean;
  /** Where this server left the timeline before. */
  readonly switchLsn: Lsn;
  readonly passes: readonly FencePass[];
  readonly onDivergence: DivergencePolicy;
  /** Why a slot was not ready before the promotion, as the consumer last wrote. */
  readonly reasons: ReadonlyMap<SlotName, string>;
  /** What an earlier hand-off of this promotion has done. */
  readonly earlier?: Promotion | undefined;
}

/** A slot to be renamed: copied to `copy`, then dropped. */
export interface Quarantine {
  readonly slot: SlotName;
  readonly copy: SlotName;
  readonly database: string;
  readonly plugin: string;
}

/** What is to be done with the slots of a promoted server, and what has to be reported. */
export interface HandOffPlan {
  readonly advances: readonly { readonly slot: SlotName; readonly database: string; readonly target: Lsn }[];
  readonly quarantines: readonly Quarantine[];
  readonly drops: readonly { readonly slot: SlotName; readonly reason: string }[];
  /** Slots whose property `failover` is to be set again (17+). */
  readonly failovers: readonly SlotName[];
  readonly ahead: readonly SlotAhead[];
  readonly lost: readonly SlotLost[];
}

/**
 * Plans the hand-off after a promotion. Every step can be repeated: with the slots as they are afterwards, and `earlier` as it was
 * recorded, the plan has no steps left and reports the same.
 */
export function planHandOff(input: HandOffInput): HandOffPlan {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  const unproven = [...local.values()].filter((slot) => input.ownership.get(slot.name)?.proven === false);
  const unsafe = new Set(unproven.map((slot) => slot.name));
  const subjects = logicalEvents(input).map((event) =>
    subjectOf(input, event, local.get(event.slot), unsafe),
  );
  const ahead = subjects.flatMap((subject) => judgeAhead(input, subject));
  const quarantined = new Set(
    ahead.filter(({ outcome }) => outcome === 'quarantined').map(({ slot }) => slot),
  );
  const kept = subjects.filter(({ name }) => !quarantined.has(name));
  return {
    advances: kept.flatMap((subject) => advanceOf(input, subject)),
    quarantines: subjects.flatMap(({ name, here }) =>
      quarantined.has(name) && here !== undefined ? [quarantineOf(here)] : [],
    ),
    drops: unproven.map(({ name }) => ({
      slot: name,
      reason: 'it has two_phase, and its consumer had not passed it when the server was promoted',
    })),
    failovers: kept.flatMap(({ name, here, owned, state }) =>
      here !== undefined && owned && state.failover && !here.failover ? [name] : [],
    ),
    ahead,
    lost: kept.flatMap((subject) => judgeLost(input, subject)),
  };
}

/** The name under which a slot is kept that its consumer must not use: at most 63 bytes. */
export function quarantineName(slot: SlotName): SlotName {
  const suffix = '_diverged';
  return parseSlotName(`${slot.slice(0, 63 - suffix.length)}${suffix}`);
}

interface Subject {
  readonly name: SlotName;
  readonly event: SlotEvent;
  readonly state: SlotState;
  /** The slot under its real name, unless it is of no use. */
  readonly here: LocalSlot | undefined;
  /** True when the slot here is slotcast's, and of the incarnation that the event is about. */
  readonly owned: boolean;
}

function logicalEvents(input: HandOffInput): (SlotEvent & { readonly state: SlotState })[] {
  return [...input.published.values()].flatMap((event) => {
    const { state } = event;
    const lives = event.op !== 'drop' && state?.type === 'logical' && !isOwnWorkingSlot(event.slot);
    return lives ? [{ ...event, state }] : [];
  });
}

function subjectOf(
  input: HandOffInput,
  event: SlotEvent & { readonly state: SlotState },
  slot: LocalSlot | undefined,
  unsafe: ReadonlySet<SlotName>,
): Subject {
  const usable = slot?.type === 'logical' && !isInvalidated(slot) && !unsafe.has(slot.name);
  const ownership = input.ownership.get(event.slot);
  const owned =
    ownership?.proven === true &&
    ownership.lineage === input.lineage &&
    sameIncarnation(ownership.incarnation, event.incarnation);
  return { name: event.slot, event, state: event.state, here: usable ? slot : undefined, owned };
}

function judgeAhead(input: HandOffInput, subject: Subject): SlotAhead[] {
  const { name, event, here, owned } = subject;
  const confirmedFlushLsn = plausiblyConfirmed(event);
  if (confirmedFlushLsn === undefined || confirmedFlushLsn <= input.switchLsn) {
    return [];
  }
  const earlier = input.earlier?.ahead.find(({ slot }) => slot === name);
  if (here === undefined) {
    return earlier === undefined ? [] : [earlier];
  }
  const outcome = outcomeOf(input, confirmedFlushLsn, owned);
  return [{ slot: name, confirmedFlushLsn, outcome }];
}

function outcomeOf(input: HandOffInput, confirmed: Lsn, owned: boolean): AheadOutcome {
  if (input.onDivergence === 'fence' && isFenced(confirmed, input.passes)) {
    return 'fenced';
  }
  return owned ? 'quarantined' : 'unsafe';
}

function quarantineOf(slot: LocalSlot): Quarantine {
  const { name, database = '', plugin = '' } = slot;
  return { slot: name, copy: quarantineName(name), database, plugin };
}

/** Up to what its consumer had confirmed, as far as this server has that WAL; never backwards. */
function advanceOf(input: HandOffInput, { name, event, here, owned }: Subject): HandOffPlan['advances'] {
  const confirmed = plausiblyConfirmed(event);
  if (here?.confirmedFlushLsn === undefined || !owned || confirmed === undefined) {
    return [];
  }
  const target = minLsn(confirmed, input.switchLsn);
  return target > here.confirmedFlushLsn ? [{ slot: name, database: here.database ?? '', target }] : [];
}

function judgeLost(input: HandOffInput, { name, state, here, event }: Subject): SlotLost[] {
  const wasQuarantined = input.earlier?.ahead.some(
    ({ slot, outcome }) => slot === name && outcome === 'quarantined',
  );
  if (here !== undefined || wasQuarantined === true || isInvalidated(state) || !input.wanted(state)) {
    return [];
  }
  const told = input.earlier?.lost.find(({ slot }) => slot === name)?.reason ?? input.reasons.get(name);
  const unknown = `no slot of that name was here; it was published last at ${formatLsn(event.lsn)}`;
  return [{ slot: name, reason: told === undefined || told === '' ? unknown : told }];
}
