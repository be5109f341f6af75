import {
  type EventOrigin,
  formatLsn,
  type Incarnation,
  type Lsn,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  type NodeTombstone,
  parseLsn,
  parseSlotName,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import { type HeaderReader, type HeaderTexts, headerTexts } from './header-text.ts';
import { parseNodeName } from './node-key.ts';

/** What the headers `schema` and `content-type` say; they are left out where there never was a value. */
export interface ValueLabel {
  readonly schema?: string;
  readonly contentType?: string;
}

const ORIGIN_HEADERS = ['lsn', 'timeline', 'epoch', 'seq', 'node'];

/** Headers that have to agree with the value. `time` is optional because nothing is decided by it. */
export const slotEventAgreement = {
  required: ['op', 'slot', ...ORIGIN_HEADERS, 'incarnation'],
  optional: ['confirmed_flush_lsn', 'restart_lsn', 'time', 'schema'],
};
export const manifestAgreement = {
  required: ['op', ...ORIGIN_HEADERS],
  optional: ['slot', 'time', 'schema'],
};
export const nodeAgreement = {
  required: ['op', 'node'],
  optional: ['role', 'lsn', 'timeline', 'time', 'schema'],
};
/** Not `state`: a later version may have one in the header that is read as `blocked` from the value. */
export const nodeSlotAgreement = {
  required: ['op', 'node', 'slot'],
  optional: ['role', 'confirmed_flush_lsn', 'restart_lsn', 'incarnation', 'time', 'schema'],
};
/** A tombstone written by hand has no headers: its key says all. */
export const nodeTombstoneAgreement = { required: [], optional: ['op', 'node', 'slot'] };

/** Headers of a slot's records. */
export function slotEventHeaders(event: SlotEvent, label: ValueLabel): HeaderTexts {
  return headerTexts([
    ['op', event.op],
    ['slot', event.slot],
    ['lsn', formatLsn(event.lsn)],
    ['confirmed_flush_lsn', optionalLsn(event.state?.confirmedFlushLsn)],
    ['restart_lsn', optionalLsn(event.state?.restartLsn)],
    ...placeEntries(event),
    ['incarnation', formatIncarnation(event.incarnation)],
    ...labelEntries(event.time, label),
  ]);
}

/** Headers of the manifest. */
export function manifestHeaders(manifest: Manifest, label: ValueLabel): HeaderTexts {
  return headerTexts([
    ['op', 'manifest'],
    ['lsn', formatLsn(manifest.lsn)],
    ...placeEntries(manifest),
    ...labelEntries(manifest.time, label),
  ]);
}

/** Headers of a node's record. */
export function nodeStatusHeaders(status: NodeStatus, label: ValueLabel): HeaderTexts {
  return headerTexts([
    ['op', 'node'],
    ['node', status.node],
    ['role', status.role],
    ['lsn', optionalLsn(status.replayLsn)],
    ['timeline', String(status.timeline)],
    ...labelEntries(status.time, label),
  ]);
}

/** Headers of the record of one slot on a node. */
export function nodeSlotStatusHeaders(status: NodeSlotStatus, label: ValueLabel): HeaderTexts {
  const owned = status.ownership;
  return headerTexts([
    ['op', 'node_slot'],
    ['node', status.node],
    ['slot', status.slot],
    ['role', status.role],
    ['state', status.state],
    ['confirmed_flush_lsn', optionalLsn(status.confirmedFlushLsn)],
    ['restart_lsn', optionalLsn(status.restartLsn)],
    ['incarnation', owned === undefined ? undefined : formatIncarnation(owned.incarnation)],
    ...labelEntries(status.time, label),
  ]);
}

/** Headers of a tombstone on the nodes topic; they need no time to be compared. */
export function nodeTombstoneHeaders(tombstone: NodeTombstone, time?: number): HeaderTexts {
  return headerTexts([
    ['op', 'node_tombstone'],
    ['node', tombstone.node],
    ['slot', tombstone.slot],
    ['time', time === undefined ? undefined : formatTime(time)],
  ]);
}

/** A drop of which only the tombstone is left, from its headers. Throws a RangeError when they do not tell. */
export function readDropHeaders(headers: HeaderReader): SlotEvent {
  const op = headers.text('op');
  if (op !== 'drop') {
    throw new RangeError(`header op of a tombstone is ${JSON.stringify(op)}, not "drop"`);
  }
  const [epoch, seq] = headers.integerPair('incarnation');
  return {
    kind: 'slot',
    op,
    slot: parseSlotName(headers.text('slot')),
    incarnation: { epoch, seq },
    lsn: parseLsn(headers.text('lsn')),
    timeline: timeline(headers.integer('timeline')),
    epoch: headers.integer('epoch'),
    seq: headers.integer('seq'),
    node: parseNodeName(headers.text('node')),
    time: headers.time('time'),
  };
}

type Entry = readonly [string, string | undefined];

function placeEntries(origin: EventOrigin): readonly Entry[] {
  return [
    ['timeline', String(origin.timeline)],
    ['epoch', String(origin.epoch)],
    ['seq', String(origin.seq)],
    ['node', origin.node],
  ];
}

function labelEntries(time: number, label: ValueLabel): readonly Entry[] {
  return [
    ['time', formatTime(time)],
    ['schema', label.schema],
    ['content-type', label.contentType],
  ];
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

function formatIncarnation(incarnation: Incarnation): string {
  return `${incarnation.epoch}.${incarnation.seq}`;
}

function optionalLsn(position: Lsn | undefined): string | undefined {
  return position === undefined ? undefined : formatLsn(position);
}
