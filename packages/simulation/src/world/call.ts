import type { CallOptions, Outcome, Pending, SimProcess } from '../types.ts';
import { isPending } from './pending-call.ts';
import { SimLink } from './sim-link.ts';
import type { SimWorld } from './sim-world.ts';

/** What is asked of something outside. */
export interface CallParts<T> {
  readonly kind: string;
  readonly effect: () => T | Pending<T>;
  readonly link: CallOptions['link'];
  readonly refused: CallOptions['refused'];
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** How long an answer takes that does not come with the effect. */
  readonly answerMs: number;
}

/**
 * One call on its way. Effect and answer are one event where nothing comes between them. Where the process or the way was disturbed while the call was
 * under way, chance says whether its effect had been there before: so an effect without its answer, and an answer that a process has when it is
 * frozen, are as likely as with two events.
 */
export class Call<T> {
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  readonly #parts: CallParts<T>;
  /** The way was open when the call was sent, and chance has not been asked yet. */
  #mayHaveArrived: boolean;
  #answered = false;

  /** It is sent now. */
  constructor(world: SimWorld, process: SimProcess, parts: CallParts<T>) {
    this.#world = world;
    this.#process = process;
    this.#parts = parts;
    this.#mayHaveArrived = (parts.link?.state ?? 'up') === 'up';
  }

  /** As much time has passed as it takes there and back. */
  arrive(): void {
    const { link } = this.#parts;
    if ((link?.state ?? 'up') !== 'up' && !this.#hadArrived()) {
      this.#stop();
      return;
    }
    const { state } = this.#process;
    if (state !== 'running' && !this.#hadArrived()) {
      // It had not been sent. A frozen process sends it when it wakes, a dead one never.
      this.#world.after(0, () => this.arrive(), this.#process);
      return;
    }
    this.#fire('before');
    if (this.#process.state === state) {
      this.#happen();
    } else if (this.#process.state === 'frozen') {
      this.#world.after(0, () => this.arrive(), this.#process);
    }
  }

  #hadArrived(): boolean {
    const had = this.#mayHaveArrived && this.#world.toss(this.#process, this.#parts.kind);
    this.#mayHaveArrived = false;
    return had;
  }

  /** The way is not open. */
  #stop(): void {
    const { link } = this.#parts;
    if (link?.state === 'silent' && link instanceof SimLink) {
      link.hold(() => this.#world.after(0, () => this.arrive()));
    } else {
      this.#answer(() => this.#parts.reject(this.#refusal()));
    }
  }

  #happen(): void {
    const { kind, effect, resolve, reject } = this.#parts;
    this.#world.trail.add(this.#world.now, this.#process.name, kind);
    let tell: (() => void) | undefined;
    try {
      const result = effect();
      if (isPending(result)) {
        this.#await(result);
      } else {
        tell = () => resolve(result);
      }
    } catch (error) {
      tell = () => reject(error);
    }
    this.#fire('after');
    if (tell !== undefined) {
      this.#deliver(tell);
    }
  }

  #fire(moment: 'before' | 'after'): void {
    this.#world.fire(this.#process, this.#parts.kind, moment);
  }

  #await(pending: Pending<T>): void {
    const unwatch = this.#parts.link?.onChange((state) => {
      if (state === 'refusing') {
        this.#answer(() => this.#parts.reject(this.#refusal()));
      }
    });
    pending.whenEnded((outcome: Outcome<T>) => {
      unwatch?.();
      const { resolve, reject } = this.#parts;
      this.#answer(() => ('value' in outcome ? resolve(outcome.value) : reject(outcome.error)));
    });
  }

  /** Sends an answer of its own, once. */
  #answer(tell: () => void): void {
    if (this.#answered) {
      return;
    }
    this.#answered = true;
    this.#world.after(this.#parts.answerMs, () => this.#deliver(tell));
  }

  #deliver(tell: () => void): void {
    const { link, reject } = this.#parts;
    if (link?.state === 'silent' && link instanceof SimLink) {
      link.hold(() => this.#world.after(0, () => this.#deliver(tell)));
      return;
    }
    const told = link?.state === 'refusing' ? () => reject(this.#refusal()) : tell;
    this.#world.hand(this.#process, told);
  }

  #refusal(): Error {
    return this.#parts.refused?.() ?? new Error(`${this.#parts.kind} was refused`);
  }
}
