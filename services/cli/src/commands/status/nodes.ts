import {
  type ClusterView,
  formatLsn,
  type Lsn,
  type NodeView,
  namesText,
  type Promotion,
  type RestartBacklog,
  reasonText,
  type SlotAhead,
} from '@slotcast/domain';
import { agoText, bytesText, durationText, textTable } from '@slotcast/views';
import { printable } from '../../shared/output.ts';
import type { Paint } from './paint.ts';

/** `server_version_num` counts minor releases in its last four digits. */
const MAJOR_STEP = 10_000;

/** Who publishes, since when it has been heard of, and from where. */
export function publisherLine(cluster: string, { publisher, slots }: ClusterView, paint: Paint): string {
  const heard = agoText(publisher.heartbeatAgeMs);
  return [
    `cluster ${cluster}`,
    `publisher ${paint('strong', printable(publisher.node))}`,
    `heard ${publisher.silent ? paint('bad', heard) : heard}`,
    `at ${formatLsn(publisher.lsn)}`,
    `timeline ${publisher.timeline}`,
    `epoch ${publisher.epoch}`,
    `${slots.length} wanted`,
  ].join('   ');
}

/** One row per node. */
export function nodeTable({ nodes, time }: ClusterView, paint: Paint): string[] {
  const hasCanary = nodes.some(({ status }) => status?.canary !== undefined);
  const head = ['node', 'role', 'heard', 'timeline', 'received', 'replayed', 'PostgreSQL', 'slotcast'];
  const rows = nodes.map((node) => [
    ...nodeCells(node, paint),
    ...(hasCanary ? [canaryText(node, time)] : []),
  ]);
  const heads = [...head, ...(hasCanary ? ['canary'] : [])].map((cell) => paint('dim', cell));
  return textTable([heads, ...rows], '  ');
}

function nodeCells(node: NodeView, paint: Paint): string[] {
  const { status } = node;
  const isStandby = node.role === 'standby';
  const heard = agoText(node.ageMs);
  return [
    paint('strong', printable(node.name)),
    node.unfit === undefined ? node.role : paint('bad', 'unfit'),
    node.stale ? paint('warning', `${heard}, stale`) : heard,
    isStandby ? String(status?.timeline ?? '-') : '-',
    lsnText(isStandby ? status?.receiveLsn : undefined),
    lsnText(isStandby ? status?.replayLsn : undefined),
    status === undefined ? '-' : versionText(status.serverVersion),
    status === undefined ? '-' : printable(status.version),
  ];
}

function canaryText({ status, role }: NodeView, now: number): string {
  const canary = status?.canary;
  return canary === undefined || role !== 'standby'
    ? '-'
    : `${durationText(canary.lagMs)}, ${agoText(Math.max(0, now - canary.time))}`;
}

function versionText(serverVersion: number): string {
  return `${Math.floor(serverVersion / MAJOR_STEP)}.${serverVersion % MAJOR_STEP}`;
}

/** What each node's last promotion did to its slots, which slots it leaves alone, and why a standby is unfit; nothing for a node that has none of it. */
export function nodeRemarks({ nodes, time }: ClusterView): string[] {
  return nodes.flatMap(({ name, unfit, status }) => [
    ...(unfit === undefined ? [] : [`${printable(name)} is unfit: it ${printable(reasonText(unfit))}`]),
    ...(status?.unreadableSlots ?? []).map(
      ({ slot, reason }) =>
        `slot ${printable(slot)} on ${printable(name)} is left alone: ${printable(reasonText([reason]))}`,
    ),
    ...(status?.restartBacklog === undefined ? [] : [backlogText(name, status.restartBacklog, time)]),
    ...(status?.promotion === undefined ? [] : [promotionText(name, status.promotion, time)]),
  ]);
}

function backlogText(name: string, { slots, bytes, since }: RestartBacklog, now: number): string {
  const what = slots === 1 ? 'the restart_lsn of 1 slot' : `the restart_lsn of ${slots} slots`;
  return `${what} on ${printable(name)} has fallen behind for ${durationText(Math.max(0, now - since))}, by ${bytesText(BigInt(bytes))} now: that server keeps ever more WAL`;
}

function promotionText(name: string, promotion: Promotion, now: number): string {
  const { timeline, switchLsn, fencedLsn, unheard, ahead, lost } = promotion;
  const when = agoText(Math.max(0, now - promotion.time));
  const parts = [
    fencedLsn === undefined ? '' : `fence raised to ${formatLsn(fencedLsn)}`,
    unheard === undefined
      ? ''
      : `what subscribers confirmed is unknown since ${agoText(Math.max(0, now - unheard.since))}, beyond ${formatLsn(unheard.lsn)}`,
    ahead.length === 0 ? '' : `subscribers that were ahead: ${namesText(ahead.map(aheadText))}`,
    lost.length === 0
      ? ''
      : `slots lost: ${namesText(lost.map(({ slot, reasons }) => `${slot} (${printable(reasonText(reasons))})`))}`,
  ].filter((part) => part !== '');
  const outcome = parts.length === 0 ? 'no slot was lost and no subscriber was ahead' : parts.join('; ');
  return `${printable(name)} was promoted to timeline ${timeline} at ${formatLsn(switchLsn)}, ${when}: ${outcome}`;
}

function aheadText({ slot, confirmedFlushLsn, outcome, prepared }: SlotAhead): string {
  const freed = outcome === 'quarantined' ? ` until slotcast release ${slot}` : '';
  return `${slot} (${formatLsn(confirmedFlushLsn)}, ${outcome}${freed}${preparedText(prepared)})`;
}

function preparedText(prepared: SlotAhead['prepared']): string {
  if (prepared === undefined) {
    return '';
  }
  const known = prepared.length === 0 ? '' : `: ${prepared.map(printable).join(', ')}`;
  return `, may hold prepared transactions that nobody ends${known}`;
}

function lsnText(position: Lsn | undefined): string {
  return position === undefined ? '-' : formatLsn(position);
}
