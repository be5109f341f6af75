import assert from 'node:assert/strict';
import {
  assertPlan,
  type Plan,
  type PlanInput,
  type PlanPolicy,
  plan,
  type SlotName,
} from '@slotcast/domain';

/** Plans with what the last plan left, and checks each time that without it the plan would be the same. */
export class RememberingPlanner {
  #resting: Plan['resting'];
  #unwanted = '';
  #wanted: PlanPolicy['wanted'] = () => true;

  plan(input: PlanInput): Plan {
    const { resting, ...planned } = plan(input, this.#resting);
    const { resting: _, ...afresh } = plan(input);
    assert.deepEqual(planned, afresh);
    assert.deepEqual(assertPlan(planned, input), []);
    this.#resting = resting;
    return planned;
  }

  /** A filter without these slots: the same function as long as they are the same. */
  allBut(unwanted: ReadonlySet<SlotName>): PlanPolicy['wanted'] {
    const names = [...unwanted].toSorted();
    if (this.#unwanted !== names.join()) {
      this.#unwanted = names.join();
      this.#wanted = (slot) => !names.includes(slot.name);
    }
    return this.#wanted;
  }
}
