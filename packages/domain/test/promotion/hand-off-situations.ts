import assert from 'node:assert/strict';
import {
  assertHandOff,
  type HandOffInput,
  type HandOffPlan,
  type Ownership,
  parseSlotName,
  planHandOff,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import { live } from '../following/plan-situations.ts';
import { saying } from '../reason-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

/** Where the examples leave the timeline. */
export const SWITCH = at(0x5000);

/** What a hand-off is made of; the rest is a server that was promoted at 0/5000, with a fence that stands at 0/6000. */
export interface HandOffSituation
  extends Partial<Omit<HandOffInput, 'published' | 'elsewhere' | 'ownership' | 'reasons' | 'switchLsn'>> {
  readonly events?: readonly SlotEvent[];
  /** Newest events on other branches. */
  readonly others?: readonly SlotEvent[];
  readonly owned?: Readonly<Record<string, Ownership>>;
  readonly told?: Readonly<Record<string, string>>;
}

export function handOffInput(situation: HandOffSituation): HandOffInput {
  const { events = [], others = [], owned = {}, told = {}, ...over } = situation;
  return {
    published: new Map(events.map((event) => [event.slot, event])),
    furthest: new Map(),
    elsewhere: new Map(others.map((event) => [event.slot, event])),
    history: { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: SWITCH }] },
    earlierFences: new Map(),
    local: [],
    before: situation.local ?? [],
    ownership: new Map(Object.entries(owned).map(([name, value]) => [parseSlotName(name), value])),
    lineage: 'first',
    wanted: () => true,
    switchLsn: SWITCH,
    passes: [{ reachedLsn: at(0x6000), clean: true }],
    onDivergence: 'fence',
    reasons: new Map(
      Object.entries(told).map(([name, value]) => [parseSlotName(name), value === '' ? [] : [saying(value)]]),
    ),
    ...over,
  };
}

/** Of which no step may break a rule, whatever the situation. */
export function handOffOf(situation: HandOffSituation): HandOffPlan {
  const input = handOffInput(situation);
  const plan = planHandOff(input);
  assert.deepEqual(assertHandOff(plan, input), []);
  return plan;
}

/** The newest event of a slot whose subscriber had confirmed up to there, when much more WAL was flushed. */
export function confirmed(name: string, position: number, over: Partial<SlotEvent> = {}): SlotEvent {
  return { ...live(name, { confirmedFlushLsn: at(position) }), lsn: at(0x9_0000), ...over };
}

export function dropped(name: string): SlotEvent {
  return slotEvent(name, { lsn: 0x9_0000 }, { op: 'drop', state: logicalSlot(name) });
}

/** The kinds of steps of a plan with the slots that they are for, such as `advance a`. */
export function stepsOf(plan: HandOffPlan): string[] {
  return [
    ...plan.quarantines.map(({ slot }) => `quarantine ${slot}`),
    ...plan.placeholders.map(({ slot }) => `placeholder ${slot}`),
    ...plan.drops.map(({ slot }) => `drop ${slot}`),
    ...plan.twoPhases.map(({ slot }) => `two_phase ${slot}`),
    ...plan.advances.map(({ slot }) => `advance ${slot}`),
    ...plan.failovers.map(({ slot }) => `failover ${slot}`),
  ];
}
