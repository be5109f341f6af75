import type { Note, SimServer, SimSlot, Violation } from '../types.ts';
import { AheadWatch } from './ahead-watch.ts';
import { judgeCalledSafe } from './called-safe.ts';
import { DropWatch } from './drop-watch.ts';
import type { Incarnation } from './incarnation.ts';
import { findMishap } from './mishaps.ts';
import { OrderWatch } from './order-watch.ts';
import { type ReadySlot, ReadyWatch } from './ready-watch.ts';
import { SkipWatch } from './skip-watch.ts';
import { type PublishedRecord, TenureWatch } from './tenure-watch.ts';

/** Whose slots are kept. */
interface JudgedSubscriber {
  readonly slot: string;
  readonly incarnation: Incarnation | undefined;
  readonly asksFor: number | undefined;
}

export interface JudgeOptions {
  /** All servers; there may be more later. */
  readonly servers: () => readonly SimServer[];
  /** The server that application and subscribers are led to. */
  readonly target: () => SimServer;
  readonly subscribers: () => Iterable<JudgedSubscriber>;
  /** Until when no service of the node was there that was not frozen, the last time: now, while none is. */
  readonly unattendedUntil: (node: string) => number;
  readonly now: () => number;
  /** Does work when the present event is over. */
  readonly soon: (work: () => void) => void;
}

/** Watches one history, and keeps what was broken in it. */
export class Judge {
  readonly violations: Violation[] = [];
  readonly notes: Note[] = [];
  readonly #options: JudgeOptions;
  readonly #skips = new SkipWatch();
  readonly #ahead = new AheadWatch();
  readonly #tenures = new TenureWatch();
  readonly #drops: DropWatch;
  readonly #order = new OrderWatch();
  readonly #ready = new ReadyWatch();

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#drops = new DropWatch(({ node }, slot) => [
      `${slot}_diverged`,
      ...options
        .servers()
        .filter((each) => each.node === node)
        .flatMap((each) => [...leadersOf(each), ...setAsideOf(each, slot)]),
    ]);
  }

  note(note: Note): void {
    this.notes.push(note);
    const mishap = findMishap(note);
    if (mishap !== undefined) {
      this.violations.push(mishap);
    }
  }

  /** A server has sent all that it will of what begins before `upTo`. */
  sent(incarnation: Incarnation, server: SimServer, upTo: number): void {
    const { node, line, recoveryEndedAt: since = 0 } = server;
    this.#skips.sent({ incarnation, node, line, upTo, now: this.#options.now(), since });
  }

  /** A subscriber has connected, and asks for a position. */
  connected(slot: string, server: SimServer, asksFor: number): void {
    const { node, line, recoveryEndedAt: since = 0 } = server;
    const at = this.#options.now();
    this.#ahead.connected({ slot, node, at, since, asksFor, end: line.end, line: () => server.line });
  }

  /** A record was committed to the slots topic; `server` is the one beside its publisher. */
  published(
    record: PublishedRecord,
    server: SimServer,
    known: { readonly isCopy: boolean; readonly isRecorded: boolean },
  ): void {
    const now = this.#options.now();
    const { recoveryEndedAt: since } = server;
    const promotedMs = since === undefined ? undefined : now - since;
    const facts = { ...known, timeline: server.line.timeline, promotedMs };
    const isPrimary = (node: string): boolean =>
      this.#options.servers().some((each) => each.node === node && each.running && !each.inRecovery);
    const violation = this.#tenures.take(record, facts, now, isPrimary);
    if (violation !== undefined) {
      this.violations.push(violation);
    }
  }

  /** A node has answered that it may be promoted; `bad`: slots that were no good copies some time before it was asked, nor when it answered. */
  calledSafe(node: string, bad: readonly string[]): void {
    this.violations.push(...judgeCalledSafe(node, bad, this.#options.now()));
  }

  /** A person has made or moved a slot of a standby. */
  touched(server: SimServer, slot: string): void {
    this.#drops.touched(server, slot);
  }

  /** A slot is about to be dropped; `by` names the service, absent: somebody else does it. */
  drops(server: SimServer, slot: SimSlot, by: string | undefined): void {
    const outOfOrder = this.#order.drops(server, slot, by, this.#options.now());
    if (outOfOrder !== undefined) {
      this.violations.push(outOfOrder);
    }
    if (by !== undefined) {
      this.#dropsCopy(server, slot.name, by);
    }
  }

  #dropsCopy(server: SimServer, slot: string, by: string): void {
    for (const { slot: name, incarnation, asksFor } of this.#options.subscribers()) {
      if (name === slot && incarnation !== undefined) {
        this.#drops.before(server, by, { incarnation, asksFor });
        this.#options.soon(() => this.#judgeDrops());
      }
    }
  }

  /** A subscriber was passed over, and there is still time to report it. */
  get awaitsReport(): boolean {
    return this.#skips.isOpen;
  }

  /** Judges what was to be reported by now, and what is called ready. */
  look(ready: readonly ReadySlot[]): void {
    const now = this.#options.now();
    this.violations.push(...this.#ready.look(ready, now));
    this.violations.push(
      ...this.#skips.judge(now, this.notes, this.#options.unattendedUntil),
      ...this.#ahead.judge(now, this.notes),
    );
  }

  #judgeDrops(): void {
    const { servers, target, now } = this.#options;
    const inUse = target().line;
    const onLine = servers().filter(({ line }) => inUse.partsAt(line) >= line.end);
    this.violations.push(...this.#drops.judge(onLine, now()));
  }
}

/** Leading slots: what is missing is made from them. */
function leadersOf({ slots }: SimServer): string[] {
  return slots.map(({ name }) => name).filter((name) => name.startsWith('slotcast_leader_'));
}

/** Copies of an earlier slot of that name, which had to give it up. */
function setAsideOf({ slots }: SimServer, slot: string): string[] {
  return slots.map(({ name }) => name).filter((name) => name.startsWith(`${slot}_orphaned_`));
}
