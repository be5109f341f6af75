import type { DivergencePolicy } from '@slotcast/domain';
import type { LinkState, Trigger } from '../types.ts';

export const serviceNames = ['publisher', 'consumer'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** What happens to the world, as data. Names are those of nodes and slots. */
export type Act =
  | { readonly kind: 'wait'; readonly ms: number }
  /** One transaction of the application, on the server that the proxy leads to. */
  | { readonly kind: 'write'; readonly rows: number }
  /** For `ms`, one such transaction every `everyMs`, while the story goes on. */
  | { readonly kind: 'traffic'; readonly rows: number; readonly everyMs: number; readonly ms: number }
  /** WAL without rows. */
  | { readonly kind: 'bulk'; readonly mib: number }
  /** Is committed `ms` later. */
  | { readonly kind: 'long_transaction'; readonly rows: number; readonly ms: number }
  /** Writes without a pause for `ms`, from the moment in which the node is a primary. */
  | { readonly kind: 'hammer'; readonly node: string; readonly ms: number }
  | { readonly kind: 'checkpoint'; readonly node: string }
  /** A service that was killed is started again, as by systemd, unless it `stays` dead. */
  | { readonly kind: 'kill'; readonly node: string; readonly service: ServiceName; readonly stays?: boolean }
  /** Somebody asks the consumer of a standby whether it may be promoted, as `slotcast prepare-promotion` does, some seconds after this act. */
  | { readonly kind: 'prepare'; readonly node: string }
  | { readonly kind: 'freeze' | 'wake'; readonly node: string; readonly service: ServiceName }
  /** The way by which a standby gets its WAL. */
  | { readonly kind: 'stream'; readonly node: string; readonly state: LinkState }
  /** Kafka for one service, or for all. */
  | { readonly kind: 'kafka'; readonly process?: string; readonly state: LinkState }
  | { readonly kind: 'crash' | 'stop' | 'start' | 'promote'; readonly node: string }
  /** As a standby of `upstream`, by pg_rewind. */
  | { readonly kind: 'rejoin'; readonly node: string; readonly upstream: string }
  /** A standby that only gets its WAL from another server from now on. */
  | { readonly kind: 'follow'; readonly node: string; readonly upstream: string }
  /** The data directory comes back as it was when `backup` was taken. */
  | { readonly kind: 'backup' | 'restore'; readonly node: string }
  /** A copy of the node, with services of the same settings beside it, that streams from whom the node streams from. */
  | { readonly kind: 'clone'; readonly node: string; readonly name: string }
  /** Where application and subscribers are led to from now on; the subscribers go there after a while. */
  | { readonly kind: 'point'; readonly node: string; readonly afterMs: number }
  | {
      readonly kind: 'subscriber';
      readonly slot: string;
      readonly does: 'confirm' | 'hold' | 'crash' | 'leave' | 'connect';
    }
  | { readonly kind: 'dba_create' | 'dba_drop'; readonly node: string; readonly slot: string }
  /** To where the server is. */
  | { readonly kind: 'dba_advance'; readonly node: string; readonly slot: string }
  | { readonly kind: 'dba_copy'; readonly node: string; readonly slot: string; readonly target: string }
  /** Done in the middle of a call, not when its turn comes. */
  | { readonly kind: 'when'; readonly on: Trigger; readonly act: Act };

/** A slot of the application, and how its subscriber goes about it. */
export interface CastSlot {
  readonly name: string;
  readonly memory: 'own' | 'slot';
  readonly recreates?: boolean;
  /** Its slot sends prepared transactions before they are committed, and is made on standbys under its own name. */
  readonly twoPhase?: boolean;
  /** Neither slot nor subscriber is there before an act has the subscriber connect, which makes the slot. */
  readonly late?: boolean;
}

/** Who takes part. The first node is the primary at the beginning, the others are its standbys. */
export interface Cast {
  readonly nodes: readonly string[];
  readonly slots: readonly CastSlot[];
  readonly onDivergence: DivergencePolicy;
  readonly maxReplicationSlots?: Readonly<Record<string, number>>;
  /** How often the publishers look, `SLOTCAST_POLL_MIN_MS` and `SLOTCAST_POLL_MAX_MS`; absent: 100 and 500. */
  readonly pollMs?: { readonly min: number; readonly max: number };
  /** Filter of `SLOTCAST_SLOTS` by node; absent: all. */
  readonly wanted?: Readonly<Record<string, readonly string[]>>;
}

/** A history as data: what happens is repeated exactly by the same seed. */
export interface Story {
  readonly version: 1;
  readonly title?: string;
  readonly seed: number;
  /** What it must show: names of invariants, or `none`. */
  readonly expect?: string;
  readonly cast: Cast;
  readonly acts: readonly Act[];
}
