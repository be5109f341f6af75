import { reason } from '../reasons/reason.ts';
import { findOrphan, keptNames, orphansOf } from '../topics/orphaned-slots.ts';
import { isMissing } from '../topics/published-line.ts';
import { type Lsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { confirmedWithin, type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type SlotState, sameIdentity } from '../vocabulary/slot-state.ts';
import type { StoppedServer } from './stopped-server.ts';
import type { TopicAtPoint } from './topic-at-point.ts';

/** From this major on a consumer makes slots on a running standby, and PostgreSQL itself invalidates a copy whose catalog rows go. */
const LIVE_MAJOR = 16;
/** From this major on slots can have two_phase. */
const TWO_PHASE_MAJOR = 14;

/** A slot as it is put into the data folder. */
export interface SlotInstallation {
  readonly name: SlotName;
  readonly plugin: string;
  readonly databaseOid: number;
  readonly twoPhase: boolean;
  readonly twoPhaseAt: Lsn | undefined;
  readonly failover: boolean;
  readonly restartLsn: Lsn;
  readonly confirmedFlushLsn: Lsn;
  readonly catalogXmin: number;
  /** Content of the file with the state of decoding at `restartLsn`; absent where the topic has none. */
  readonly snapshot: Uint8Array | undefined;
}

/** What is to be done about one slot, before its WAL was looked for. */
export type RebuildVerdict =
  | {
      readonly kind: 'install' | 'replace';
      readonly slot: SlotName;
      readonly event: SlotEvent;
      readonly installation: SlotInstallation;
      readonly ownership: Ownership;
    }
  | {
      readonly kind: 'keep' | 'skip';
      readonly slot: SlotName;
      readonly event?: SlotEvent | undefined;
      readonly reason: Reason;
    };

export interface RebuildInput {
  readonly server: StoppedServer;
  readonly topic: TopicAtPoint;
  readonly wanted: (state: SlotState) => boolean;
  /** Of this node, with the lineage of the topic. */
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
}

/** Says for each slot of the topic what becomes of it, by name; of physical ones only where they were asked for. What is left out keeps its place on the server as it is. */
export function planRebuild(input: RebuildInput): readonly RebuildVerdict[] {
  const { desired, newest, manifest } = input.topic;
  const kept = keptNames(manifest);
  const names = new Set([...desired.keys(), ...newest.keys()]);
  const verdicts: RebuildVerdict[] = [];
  let room = input.server.maxReplicationSlots - input.server.slotCount;
  for (const slot of [...names].toSorted()) {
    const event = desired.get(slot);
    const isGone =
      event !== undefined && (event.op === 'drop' || isMissing({ manifest, listed: kept.has(slot) }, event));
    const state = event?.state ?? newest.get(slot)?.state;
    const isNobodys = state?.type === 'physical' && !input.wanted(state);
    if (isNobodys || (isGone && !newest.has(slot))) {
      continue;
    }
    const verdict = judgeSlot(input, slot, isGone ? undefined : event);
    if (verdict.kind === 'install' && room <= 0) {
      const limit = input.server.maxReplicationSlots;
      verdicts.push({ kind: 'skip', slot, event, reason: reason('rebuild_no_room', { limit }) });
      continue;
    }
    room -= verdict.kind === 'install' ? 1 : 0;
    verdicts.push(verdict);
  }
  return verdicts;
}

function judgeSlot(input: RebuildInput, slot: SlotName, event: SlotEvent | undefined): RebuildVerdict {
  const { server, topic } = input;
  const state = event?.state ?? topic.newest.get(slot)?.state;
  const skip = (why: Reason): RebuildVerdict => ({ kind: 'skip', slot, event, reason: why });
  if (state !== undefined && !input.wanted(state)) {
    return skip(reason('rebuild_unwanted'));
  }
  if (event === undefined) {
    const later = topic.newest.get(slot);
    const isLater = later !== undefined && later.timeline >= server.history.timeline;
    return skip(
      isLater ? reason('rebuild_later', { position: server.consistentLsn }) : reason('rebuild_elsewhere'),
    );
  }
  if (event.state?.type === 'physical') {
    return skip(reason('rebuild_physical'));
  }
  if (findOrphan(orphansOf(topic.manifest), event.incarnation) !== undefined) {
    return skip(reason('rebuild_orphaned'));
  }
  const installation = installationOf(event, server);
  if ('code' in installation) {
    return skip(installation);
  }
  if (server.goesOn === 'restored' && !topic.isWhole(event)) {
    return skip(reason('rebuild_history_gone', { position: server.consistentLsn }));
  }
  const lost = server.goesOn === 'standby' ? lostWhileAway(event, topic.newest.get(slot), server) : undefined;
  return lost === undefined ? judgePlace(input, event, installation) : skip(lost);
}

/** What the event says that can be installed, or why it says too little. */
function installationOf(event: SlotEvent, server: StoppedServer): SlotInstallation | Reason {
  const { state } = event;
  const confirmed = confirmedWithin(event);
  if (
    !isLogical(state) ||
    isInvalidated(state) ||
    confirmed === undefined ||
    state.restartLsn === undefined ||
    state.catalogXmin === undefined
  ) {
    return reason('rebuild_no_position');
  }
  if (state.twoPhase && state.twoPhaseAt === undefined && server.major >= TWO_PHASE_MAJOR) {
    return reason('rebuild_two_phase_unknown');
  }
  return {
    name: event.slot,
    plugin: state.plugin,
    databaseOid: state.databaseOid,
    twoPhase: state.twoPhase,
    twoPhaseAt: state.twoPhaseAt,
    // On a standby it would clash with the server's own slot synchronisation; the hand-off sets it.
    failover: server.goesOn === 'restored' && state.failover,
    restartLsn: state.restartLsn,
    confirmedFlushLsn: minLsn(confirmed, event.lsn),
    catalogXmin: state.catalogXmin,
    snapshot: event.snapshot,
  };
}

/**
 * Why a standby that goes on may miss what the slot needs: since the event the primary may have removed catalog rows, and no server before 16 notices that the slot has lost them.
 * As long as the slot on the primary needs them itself they are there.
 */
function lostWhileAway(
  event: SlotEvent,
  newest: SlotEvent | undefined,
  server: StoppedServer,
): Reason | undefined {
  if (newest === undefined || !sameIncarnation(newest.incarnation, event.incarnation)) {
    return reason('rebuild_dropped');
  }
  const xmin = event.state?.catalogXmin ?? 0;
  const now = newest.state?.catalogXmin;
  return server.major >= LIVE_MAJOR || now === xmin
    ? undefined
    : reason('rebuild_rows_not_held', { xmin, now });
}

/** What stands under the name already decides. */
function judgePlace(input: RebuildInput, event: SlotEvent, installation: SlotInstallation): RebuildVerdict {
  const { server, topic, ownership } = input;
  const { slot, incarnation } = event;
  const there = server.slots.get(slot);
  const owned = ownership.get(slot);
  const isOwn =
    owned !== undefined &&
    owned.lineage === topic.manifest.lineage &&
    sameIncarnation(owned.incarnation, incarnation);
  const verdict = {
    slot,
    event,
    installation,
    ownership: {
      incarnation,
      lineage: topic.manifest.lineage,
      // On a standby from 16 on the consumer sees to it that its rows are held back, or makes it anew.
      proven: server.goesOn === 'restored' || server.major < LIVE_MAJOR,
      highestLsn: topic.furthest.get(slot) ?? installation.confirmedFlushLsn,
    },
  };
  if (there === undefined) {
    return { kind: 'install', ...verdict };
  }
  if (!isOwn || (event.state !== undefined && !sameIdentity(there, event.state))) {
    return { kind: 'skip', slot, event, reason: reason('rebuild_exists') };
  }
  const isStandbyWithConsumer = server.goesOn === 'standby' && server.major >= LIVE_MAJOR;
  return !isStandbyWithConsumer && isOlder(there, installation)
    ? { kind: 'replace', ...verdict }
    : { kind: 'keep', slot, event, reason: reason('rebuild_stands') };
}

/** Whether a copy would gain by being replaced; one that is ahead of the event was put there by the consumer. */
function isOlder(there: SlotState, to: SlotInstallation): boolean {
  if (!isLogical(there) || isInvalidated(there)) {
    return true;
  }
  const { confirmedFlushLsn, restartLsn } = there;
  return (
    confirmedFlushLsn === undefined ||
    restartLsn === undefined ||
    (confirmedFlushLsn <= to.confirmedFlushLsn && restartLsn < to.restartLsn) ||
    (confirmedFlushLsn < to.confirmedFlushLsn && restartLsn <= to.restartLsn)
  );
}
