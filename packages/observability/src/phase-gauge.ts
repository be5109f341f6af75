import type { RoleHalf, RolePhase } from '@slotcast/domain';
import type { Gauge } from 'prom-client';

/** The phase that one half of a node is in: 1 for that phase, and no series for the others. */
export class PhaseGauge {
  readonly #gauge: Gauge<'half' | 'phase'>;
  readonly #half: RoleHalf;
  #phase: RolePhase | undefined;

  constructor(gauge: Gauge<'half' | 'phase'>, half: RoleHalf) {
    this.#gauge = gauge;
    this.#half = half;
  }

  get phase(): RolePhase | undefined {
    return this.#phase;
  }

  enter(phase: RolePhase): void {
    if (this.#phase !== undefined) {
      this.#gauge.remove({ half: this.#half, phase: this.#phase });
    }
    this.#phase = phase;
    this.#gauge.set({ half: this.#half, phase }, 1);
  }
}
