/**
 * What the parts of the simulation know of each other. Times are milliseconds of the simulated world, LSNs plain numbers; neither is ever
 * the one of the machine.
 */
import type { PostgresConnection, PostgresOptions } from '@slotcast/postgres';

/** Choices that the same seed repeats. */
export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** An integer from 0 to `count` - 1. */
  below(count: number): number;
  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** One of several values, each as often as its weight says. */
  weighted<T>(weights: readonly (readonly [T, number])[]): T;
}

/** Whose timers and answers an event belongs to: a service, a subscriber, or the world itself, which nobody can kill. */
export interface SimProcess {
  /** Such as `consumer@b`; no two that live at once have the same. */
  readonly name: string;
  /** The node that it runs on; `undefined` for what runs elsewhere. */
  readonly node: string | undefined;
  readonly state: 'running' | 'frozen' | 'dead';
  /** Calls that it has made, by kind. */
  readonly calls: ReadonlyMap<string, number>;
  /** Called when it dies: whoever holds something for it (a session, a reader) takes it back here. Returns what ends it. */
  onDeath(work: () => void): () => void;
}

export interface SimTimer {
  cancel(): void;
}

/** `silent`: what is sent arrives when the link is up again, and nobody is told before. */
export type LinkState = 'up' | 'refusing' | 'silent';

/** A way that calls take. Each call looks at it when it is sent, and again when it is answered. */
export interface Link {
  /** Such as `a-kafka`, `consumer@b-b`, `subscriber:app-a`. */
  readonly name: string;
  readonly state: LinkState;
  set(state: LinkState): void;
  /** Called after each change, as an event of the world. Returns what ends it. */
  onChange(work: (state: LinkState) => void): () => void;
}

export interface CallOptions {
  /** Latency there and back; absent: drawn by the world. */
  readonly ms?: number;
  /** Absent: nothing can come between. */
  readonly link?: Link;
  /** What the caller gets while the link refuses, and when it begins to do so while the call is under way. */
  readonly refused?: () => Error;
}

/** An effect that ends later, by `settle` or `fail` in an event of anybody; the caller hears of it in an event of its own. */
export interface Pending<T> {
  settle(value: T): void;
  fail(error: unknown): void;
  readonly ended: boolean;
  /** At most one listens. */
  whenEnded(tell: (outcome: Outcome<T>) => void): void;
}

export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** When an act is done that does not wait for its turn: at the n-th call of that kind from now on, before or after its effect. */
export interface Trigger {
  /** Name of the process. */
  readonly process: string;
  /** A kind of call, or its beginning with a `*`. */
  readonly kind: string;
  /** From 1. */
  readonly nth: number;
  readonly moment: 'before' | 'after';
}

export interface World {
  readonly seed: number;
  /** Milliseconds since the world began. */
  readonly now: number;
  /** The process whose event runs now. */
  readonly current: SimProcess;
  /** The process of the world itself. */
  readonly world: SimProcess;
  /** Does `work` in an event of `process` (absent: of the world) after `ms`. */
  after(ms: number, work: () => unknown, process?: SimProcess): SimTimer;
  /**
   * What a process asks of something outside: after a latency the effect happens, in an event of the world, and the process has the answer.
   * A process that is dead by then gets no answer; one that is frozen gets it when it wakes. Where process or way were disturbed meanwhile, the
   * effect may have happened before or not at all.
   */
  call<T>(process: SimProcess, kind: string, effect: () => T | Pending<T>, options?: CallOptions): Promise<T>;
  /** For an effect that ends later. */
  pending<T>(): Pending<T>;
  /** From 0 up to 1, by the seed and the labels alone. */
  chance(...labels: readonly (string | number)[]): number;
  /** Does `work` once, in the middle of the call that the trigger names. */
  on(trigger: Trigger, work: () => void): SimTimer;
  link(name: string): Link;
  /** Part of the trace, whose hash tells whether two runs took the same course. */
  trace(what: string): void;
}

export type RowId = number;

/** A transaction as the WAL has it. */
export interface Committed {
  readonly xid: number;
  readonly database: number;
  /** Where its commit record starts and ends. */
  readonly start: number;
  readonly end: number;
  /** As far as they were not sent before. */
  readonly rows: readonly RowId[];
  /** What a two_phase slot sends of a prepared transaction; `start` and `end` are of that record then. Absent: all of it at once. */
  readonly phase?: 'prepare' | 'commit_prepared' | 'rollback_prepared';
}

/** The WAL of a server as those see it who judge: what was committed on its line, in order of the commits. */
export interface WalLine {
  readonly timeline: number;
  /** End of what is flushed. */
  readonly end: number;
  /** Commits whose record starts in [from, to). */
  committed(from: number, to: number): readonly Committed[];
  /** Where this line and the other one part: the end of what both have. */
  partsAt(other: WalLine): number;
}

export interface SimSlot {
  /** Which making of a slot of that name this is. */
  readonly uid: number;
  readonly name: string;
  readonly type: 'logical' | 'physical';
  readonly database: number | undefined;
  readonly temporary: boolean;
  readonly restartLsn: number | undefined;
  readonly confirmedFlush: number | undefined;
  readonly catalogXmin: number | undefined;
  readonly active: boolean;
  readonly invalidated: boolean;
}

/** What a subscriber gets. */
export type Delivery =
  | ({ readonly kind: 'transaction' } & Committed)
  /** WAL without rows for it, up to `end`. */
  | { readonly kind: 'keepalive'; readonly end: number };

export interface SubscriberOptions {
  readonly slot: string;
  readonly database?: string;
  /** Where it asks to begin; absent: where the slot stands. */
  readonly from?: number;
  readonly onDelivery: (delivery: Delivery) => void;
  /** The session has ended: with pg's DatabaseError, or with what broke the connection. */
  readonly onEnd: (error: Error) => void;
}

/** The walsender of a subscriber. */
export interface Subscription {
  confirm(lsn: number): void;
  close(): void;
}

/** A PostgreSQL server in memory. What is called here directly is done by people or by the machine: it happens at once. */
export interface SimServer {
  readonly node: string;
  readonly running: boolean;
  readonly inRecovery: boolean;
  readonly insertLsn: number;
  readonly flushLsn: number;
  readonly receiveLsn: number;
  readonly replayLsn: number;
  readonly line: WalLine;
  readonly slots: readonly SimSlot[];

  /** When its last promotion ended recovery, of the world; absent when it had none. */
  readonly recoveryEndedAt: number | undefined;
  /**
   * What a client of a slot would get if the server were promoted now and it asked for `from`. Nothing is changed. `undefined` when the slot is not there, or
   * cannot be decoded.
   */
  wouldDeliver(slot: string, from: number | undefined): readonly Committed[] | undefined;
  /** Tells of each slot right before it goes: by a session of the process `by`, by a person, or with its database. */
  onDrop(work: (dropped: { readonly slot: SimSlot; readonly by: SimProcess | undefined }) => void): void;

  /** What `connectPostgres` does, for a process of the simulation. */
  connect(process: SimProcess, options: PostgresOptions): Promise<PostgresConnection>;
  subscribe(process: SimProcess, options: SubscriberOptions): Subscription;

  start(): void;
  /** A clean stop. */
  stop(): void;
  /** As by SIGKILL. */
  crash(): void;
  promote(): void;
  /** From whom it streams; `undefined` for nobody. */
  follow(upstream: SimServer | undefined): void;
  /** Makes it a standby of `upstream` by pg_rewind: no slots left. */
  rewind(upstream: SimServer): void;
  /** The link of its stream is `link('stream:NODE')`. */
  pauseReplay(paused: boolean): void;

  begin(): number;
  /** `count` rows. */
  write(xid: number, count: number): readonly RowId[];
  commit(xid: number): void;
  rollback(xid: number): void;
  /** WAL without rows. */
  bulk(bytes: number): void;
  checkpoint(): void;

  /** As the DBA does by hand; they throw pg's DatabaseError. */
  createSlot(name: string, options?: { readonly twoPhase?: boolean }): void;
  copySlot(source: string, name: string): void;
  dropSlot(name: string): void;
  advanceSlot(name: string, lsn: number): void;
}

/** What a service of a node said or how it ended. */
export type Note =
  | {
      readonly kind: 'log';
      readonly at: number;
      readonly process: string;
      /** `info` also stands for what is less. */
      readonly level: 'info' | 'warn' | 'error' | 'fatal';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'exit'; readonly at: number; readonly process: string; readonly error: unknown };

export type ServiceName = 'publisher' | 'consumer';

/** What must not be, with the moment and words for people. */
export interface Violation {
  readonly invariant: string;
  readonly at: number;
  readonly slot?: string;
  readonly text: string;
}
