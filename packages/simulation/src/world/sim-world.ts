import { chanceOf } from '../time/chance.ts';
import { EventQueue, type SimEvent } from '../time/event-queue.ts';
import { drainMicrotasks } from '../time/microtasks.ts';
import { type GlobalsHost, withGlobals } from '../time/virtual-globals.ts';
import type { CallOptions, Pending, SimProcess, SimTimer, Trigger, World } from '../types.ts';
import { Call } from './call.ts';
import { PendingCall } from './pending-call.ts';
import { Process } from './process.ts';
import { SimLink } from './sim-link.ts';
import { Trace } from './trace.ts';
import { Triggers } from './triggers.ts';

/** The moment at which a world begins, in milliseconds since 1970. */
const BEGINNING_MS = 1_700_000_000_000;
/** The shortest time that a timer or a way may take: without it two processes could call each other for ever at one moment. */
const SHORTEST_MS = 0.05;
/** More calls of one process within a second than this are a loop without a pause. */
const MAX_CALLS_PER_SECOND = 5_000;
/** One in so many calls takes long. */
const SLOW_ONE_IN = 500;

/** Time, processes and what they ask of each other. All that happens follows from the seed and from what the story does. */
export class SimWorld implements World, GlobalsHost {
  readonly seed: number;
  readonly world = new Process('world', undefined);
  /** How far the clocks of nodes are off. */
  readonly skewMs = new Map<string, number>();
  readonly trail: Trace;
  readonly #queue = new EventQueue();
  readonly #links = new Map<string, SimLink>();
  readonly #triggers = new Triggers();
  /** How often a process drew something, by its name and what it was. */
  readonly #draws = new Map<string, number>();
  readonly #busy = new Map<string, { second: number; calls: number }>();
  #now = 0;
  #current: SimProcess = this.world;
  #calls = 0;
  #failure: Error | undefined;

  constructor(seed: number, options: { readonly keepTrace?: boolean } = {}) {
    this.seed = seed;
    this.trail = new Trace(options.keepTrace === true);
  }

  get now(): number {
    return this.#now;
  }

  get current(): SimProcess {
    return this.#current;
  }

  /** Calls that were made so far. */
  get callCount(): number {
    return this.#calls;
  }

  wallMs(): number {
    return this.wallMsOf(this.#current.node);
  }

  /** Milliseconds since 1970 by the clock of a node. */
  wallMsOf(node: string | undefined): number {
    const skew = node === undefined ? 0 : (this.skewMs.get(node) ?? 0);
    return BEGINNING_MS + Math.floor(this.#now + skew);
  }

  monotonicMs(): number {
    return this.#now;
  }

  setTimeout(ms: number, work: () => void): SimTimer {
    return this.#queue.add(this.#now + Math.max(1, ms || 0), this.#current, work);
  }

  random(): number {
    return this.#draw('random');
  }

  uuid(): string {
    const high = Math.floor(this.#draw('uuid') * 2 ** 32);
    const low = Math.floor(this.#draw('uuid') * 2 ** 48);
    const text = high.toString(16).padStart(8, '0');
    return `${text}-0000-4000-8000-${low.toString(16).padStart(12, '0')}`;
  }

  chance(...labels: readonly (string | number)[]): number {
    return chanceOf(this.seed, ...labels);
  }

  trace(what: string): void {
    this.trail.add(this.#now, this.#current.name, what);
  }

  after(ms: number, work: () => unknown, process: SimProcess = this.world): SimTimer {
    return this.#queue.add(this.#now + Math.max(0, ms), process, work);
  }

  pending<T>(): Pending<T> {
    return new PendingCall<T>();
  }

  on(trigger: Trigger, work: () => void): SimTimer {
    return this.#triggers.add(trigger, work);
  }

  link(name: string): SimLink {
    const link = this.#links.get(name) ?? new SimLink(name, (work) => this.after(0, work));
    this.#links.set(name, link);
    return link;
  }

  spawn(name: string, node?: string): Process {
    return new Process(name, node);
  }

  /** Continues a frozen process with what was due meanwhile. */
  wake(process: Process): void {
    for (const event of process.wake()) {
      event.at = this.#now;
      this.#queue.put(event);
    }
  }

  /** Ends the run with this error. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  call<T>(
    process: SimProcess,
    kind: string,
    effect: () => T | Pending<T>,
    options: CallOptions = {},
  ): Promise<T> {
    this.#count(process, kind);
    const ms = options.ms ?? this.#latency(process, kind);
    const { link, refused } = options;
    return new Promise<T>((resolve, reject) => {
      const parts = { kind, effect, link, refused, resolve, reject, answerMs: ms / 2 };
      const call = new Call<T>(this, process, parts);
      this.#queue.add(this.#now + Math.max(ms, SHORTEST_MS), this.world, () => call.arrive());
    });
  }

  /** Whether a call that was under way when its process or its way was disturbed had arrived before. */
  toss(process: SimProcess, kind: string): boolean {
    return chanceOf(this.seed, process.name, kind, 'arrives', this.#nextDraw(process.name, 'arrives')) < 0.5;
  }

  /** Goes on in the present event, as its last part, as the process; in one of its own where that is not running. */
  hand(process: SimProcess, work: () => void): void {
    if (process.state === 'running') {
      this.#current = process;
      work();
    } else {
      this.after(0, work, process);
    }
  }

  fire(process: SimProcess, kind: string, moment: Trigger['moment']): void {
    this.#triggers.fire(process.name, kind, moment);
  }

  /** Lets everything happen that is due within the next `ms`. Throws what `fail` was told, or what an event threw. */
  run(ms: number): Promise<void> {
    const until = this.#now + ms;
    return new Promise((resolve, reject) => {
      // In a turn of its own: microtasks are not run from within a microtask.
      setImmediate(() => {
        try {
          withGlobals(this, () => this.#runUntil(until));
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #runUntil(until: number): void {
    const { stackTraceLimit } = Error;
    // Stacks cost more than the errors; they are wanted when a run is looked at.
    Error.stackTraceLimit = this.trail.keepsLines ? stackTraceLimit : 0;
    try {
      this.#runEvents(until);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  #runEvents(until: number): void {
    for (let event = this.#queue.take(until); event !== undefined; event = this.#queue.take(until)) {
      this.#runEvent(event);
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
    }
    this.#now = until;
  }

  #runEvent(event: SimEvent): void {
    const { process, work } = event;
    if (work === undefined || process.state === 'dead') {
      return;
    }
    this.#now = Math.max(this.#now, event.at);
    if (process.state === 'frozen' && process instanceof Process) {
      process.park(event);
      return;
    }
    this.#current = process;
    try {
      work();
      drainMicrotasks();
    } finally {
      this.#current = this.world;
    }
  }

  #count(process: SimProcess, kind: string): void {
    this.#calls += 1;
    if (process instanceof Process) {
      process.calls.set(kind, (process.calls.get(kind) ?? 0) + 1);
    }
    const second = Math.floor(this.#now / 1000);
    const busy = this.#busy.get(process.name);
    if (busy?.second !== second) {
      this.#busy.set(process.name, { second, calls: 1 });
      return;
    }
    busy.calls += 1;
    if (busy.calls > MAX_CALLS_PER_SECOND) {
      this.fail(new Error(`${process.name} made more than ${MAX_CALLS_PER_SECOND} calls within a second`));
    }
  }

  #latency(process: SimProcess, kind: string): number {
    const drawn = this.#draw(kind, process);
    const [low, high] = rangeOf(kind);
    const slow = Math.floor(drawn * 1e6) % SLOW_ONE_IN === 0 ? 100 : 1;
    return (low + drawn * (high - low)) * slow;
  }

  #draw(what: string, { name }: SimProcess = this.#current): number {
    return chanceOf(this.seed, name, what, this.#nextDraw(name, what));
  }

  #nextDraw(process: string, what: string): number {
    const key = `${process} ${what}`;
    const nth = (this.#draws.get(key) ?? 0) + 1;
    this.#draws.set(key, nth);
    return nth;
  }
}

/** From and to in milliseconds, there and back. */
function rangeOf(kind: string): readonly [number, number] {
  if (kind.startsWith('kafka.')) {
    return [2, 10];
  }
  return kind === 'connect' ? [1, 5] : [0.1, 2];
}
