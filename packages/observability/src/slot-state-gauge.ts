import { type ReadinessState, readinessStates, type SlotType } from '@slotcast/domain';
import { Gauge, type GaugeConfiguration, type Registry } from 'prom-client';

type Label = 'slot_name' | 'slot_type' | 'state';

/**
 * The state that each slot is in: 1 for that state, 0 for the others. It keeps one state per slot, and makes the time series of
 * all states when somebody reads them: with a thousand slots they would be the largest part of what a consumer keeps in memory.
 */
export class SlotStateGauge {
  readonly #states = new Map<string, { readonly now: ReadinessState; readonly type: SlotType }>();

  constructor(registry: Registry, configuration: GaugeConfiguration<Label>) {
    registry.registerMetric(new DerivedGauge({ ...configuration, registers: [] }, () => this.#values()));
  }

  /** The one state that a slot is in from now on. */
  set(slot: string, state: ReadinessState, type: SlotType = 'logical'): void {
    this.#states.set(slot, { now: state, type });
  }

  remove(slot: string): void {
    this.#states.delete(slot);
  }

  #values(): Value[] {
    return [...this.#states].flatMap(([slot, { now, type }]) =>
      readinessStates.map((state) => ({
        labels: { slot_name: slot, slot_type: type, state },
        value: state === now ? 1 : 0,
      })),
    );
  }
}

type Values = Awaited<ReturnType<Gauge<Label>['get']>>;
type Value = Values['values'][number];

/** A gauge whose values are worked out at each reading, and not kept. */
class DerivedGauge extends Gauge<Label> {
  readonly #values: () => Value[];

  constructor(configuration: GaugeConfiguration<Label>, values: () => Value[]) {
    super(configuration);
    this.#values = values;
  }

  override async get(): Promise<Values> {
    return { ...(await super.get()), values: this.#values() };
  }
}
