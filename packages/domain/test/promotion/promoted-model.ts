import {
  type HandOffPlan,
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  type Lsn,
  maxLsn,
  type Promotion,
  parseSlotName,
  type SlotName,
  safetyPart,
  timeline,
} from '@slotcast/domain';
import { physicalSlot } from '../vocabulary-examples.ts';
import { type HandOffSituation, handOffOf, SWITCH } from './hand-off-situations.ts';

/** One statement on the promoted server. */
type Step = (slots: Map<SlotName, LocalSlot>) => void;

/** The slots of a promoted server, on which plans are carried out statement by statement. */
export class PromotedModel {
  readonly #situation: HandOffSituation;
  readonly #slots: Map<SlotName, LocalSlot>;
  /** The record of what was done; absent as long as none was written. */
  #recorded: Promotion | undefined;

  constructor(situation: HandOffSituation) {
    this.#situation = situation;
    this.#slots = new Map(situation.local?.map((slot) => [slot.name, slot]));
  }

  get slots(): readonly LocalSlot[] {
    return [...this.#slots.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  plan(): HandOffPlan {
    const before = this.#situation.local ?? [];
    return handOffOf({ ...this.#situation, before, local: this.slots, earlier: this.#recorded });
  }

  /** Carries out a plan, and records it unless a crash comes after `steps` statements. Returns what is reported. */
  run(steps = Number.POSITIVE_INFINITY): Pick<HandOffPlan, 'ahead' | 'lost'> {
    const plan = this.plan();
    const all = statements(plan);
    for (const step of all.slice(0, steps)) {
      step(this.#slots);
    }
    const { ahead, lost } = plan;
    if (steps >= all.length) {
      this.#recorded = { timeline: timeline(2), switchLsn: SWITCH, ahead, lost, time: 0 };
    }
    return { ahead, lost };
  }

  /** Does at once what must not wait, and keeps in mind what the hand-off has to know of it. */
  makeSafe(): void {
    const plan = safetyPart(this.plan(), [...this.#slots.values()]);
    statements(plan).forEach((step) => step(this.#slots));
    const { ahead, lost } = plan;
    this.#recorded = { timeline: timeline(2), switchLsn: SWITCH, ahead, lost, time: 0 };
  }

  /** Somebody makes a slot of this name anew, as a subscriber does that finds its own gone. */
  remake(slot: LocalSlot): void {
    this.#slots.set(slot.name, slot);
  }

  slot(name: string): LocalSlot | undefined {
    return this.#slots.get(parseSlotName(name));
  }
}

function statements(plan: HandOffPlan): Step[] {
  return [
    ...plan.quarantines.flatMap(({ slot, copy }): Step[] => [
      (slots) => {
        // An existing copy is kept.
        slots.set(copy, slots.get(copy) ?? { ...existing(slots, slot), name: copy, twoPhase: false });
      },
      (slots) => void slots.delete(slot),
      // One statement with the drop, unless the server crashes there.
      placeAt(slot),
    ]),
    ...plan.placeholders.map(({ slot }) => placeAt(slot)),
    ...plan.drops.map(
      ({ slot }): Step =>
        (slots) => {
          existing(slots, slot);
          slots.delete(slot);
        },
    ),
    ...plan.twoPhases.map(
      ({ slot }): Step =>
        (slots) => {
          slots.set(slot, { ...existing(slots, slot), twoPhase: true });
        },
    ),
    ...plan.advances.map(({ slot, target }): Step => {
      return (slots) => {
        const here = existing(slots, slot);
        slots.set(slot, { ...here, confirmedFlushLsn: forwards(here, target) });
      };
    }),
    ...plan.failovers.map(
      ({ slot }): Step =>
        (slots) => {
          slots.set(slot, { ...existing(slots, slot), failover: true });
        },
    ),
  ];
}

function placeAt(name: SlotName): Step {
  return (slots) => {
    if (slots.has(name)) {
      throw new Error(`the plan has a placeholder for slot ${name}, which is here`);
    }
    slots.set(name, placeholder(name));
  };
}

/** A physical slot that holds nothing but its name. */
export function placeholder(name: string): LocalSlot {
  const nothing = { restartLsn: undefined, xmin: undefined, walStatus: undefined, active: false };
  return { ...physicalSlot(name, nothing), temporary: false };
}

function existing(slots: ReadonlyMap<SlotName, LocalSlot>, name: SlotName): LocalLogicalSlot {
  const slot = slots.get(name);
  if (!isLogical(slot)) {
    throw new Error(`the plan has a step for slot ${name}, which is not here`);
  }
  return slot;
}

function forwards({ name, confirmedFlushLsn }: LocalLogicalSlot, target: Lsn): Lsn {
  if (confirmedFlushLsn === undefined || maxLsn(confirmedFlushLsn, target) === confirmedFlushLsn) {
    throw new Error(`slot ${name} would go back to ${target}`);
  }
  return target;
}
