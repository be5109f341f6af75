import {
  formatLsn,
  isLogical,
  type Manifest,
  type SlotEvent,
  type SlotOperation,
  type SlotState,
} from '@slotcast/domain';
import { isoTime, lsnText } from './json-values.ts';

/** One record of the slots topic as `slotcast events --output json` prints it, with the field names of the schemas. */
export interface EventJson {
  readonly offset: number;
  readonly op: SlotOperation | 'manifest' | 'malformed';
  readonly slot: string | null;
  readonly lsn: string | null;
  readonly timeline: number | null;
  readonly epoch: number | null;
  readonly seq: number | null;
  readonly node: string | null;
  /** ISO 8601, UTC: the publisher's clock, or the broker's for a malformed record. */
  readonly time: string;
  readonly state: object | null;
  /** Of a malformed record only. */
  readonly key?: string;
  readonly reason?: string;
}

/** A record that is none of slotcast's. */
interface MalformedContent {
  readonly kind: 'malformed';
  readonly key: string;
  /** What is wrong with it. */
  readonly reason: string;
}

export interface LoggedEvent {
  readonly offset: bigint;
  /** Milliseconds since 1970, by the broker. */
  readonly timestamp: number;
  readonly content: SlotEvent | Manifest | MalformedContent;
}

/** The printed form of one record; all values are what JSON has. */
export function eventJson({ offset, timestamp, content }: LoggedEvent): EventJson {
  if (content.kind === 'malformed') {
    return {
      offset: Number(offset),
      op: 'malformed',
      slot: null,
      lsn: null,
      timeline: null,
      epoch: null,
      seq: null,
      node: null,
      time: isoTime(timestamp),
      state: null,
      key: content.key,
      reason: content.reason,
    };
  }
  return {
    offset: Number(offset),
    op: content.kind === 'manifest' ? 'manifest' : content.op,
    slot: content.kind === 'manifest' ? null : content.slot,
    lsn: formatLsn(content.lsn),
    timeline: content.timeline,
    epoch: content.epoch,
    seq: content.seq,
    node: content.node,
    time: isoTime(content.time),
    state: content.kind === 'manifest' ? manifestState(content) : slotState(content),
  };
}

function slotState(event: SlotEvent): object | null {
  const { state } = event;
  if (state === undefined) {
    return null;
  }
  const logical = isLogical(state) ? state : undefined;
  return {
    name: state.name,
    type: state.type,
    plugin: logical?.plugin ?? null,
    database: logical?.database ?? null,
    two_phase: logical?.twoPhase ?? false,
    two_phase_at: lsnText(logical?.twoPhaseAt),
    failover: logical?.failover ?? false,
    synced: logical?.synced ?? false,
    ...positions(state),
    xmin: state.type === 'physical' ? (state.xmin ?? null) : null,
    catalog_xmin: state.catalogXmin ?? null,
    wal_status: state.walStatus ?? null,
    invalidation_reason: state.invalidationReason ?? null,
    active: state.active,
    incarnation: { ...event.incarnation },
  };
}

function positions(state: SlotState) {
  return {
    restart_lsn: lsnText(state.restartLsn),
    confirmed_flush_lsn: lsnText(state.confirmedFlushLsn),
  };
}

function manifestState(manifest: Manifest): object {
  return {
    system_identifier: manifest.systemIdentifier,
    ancestors: manifest.history.ancestors.map((ancestor) => ({
      timeline: ancestor.timeline,
      switch_lsn: formatLsn(ancestor.switchLsn),
    })),
    timeline_node: manifest.timelineNode,
    instance: manifest.instance,
    lineage: manifest.lineage,
    slots: manifest.slots.map((slot) => ({ name: slot.name, incarnation: { ...slot.incarnation } })),
  };
}
