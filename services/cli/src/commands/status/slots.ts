import {
  type ClusterView,
  type CopyView,
  formatLsn,
  type NodeView,
  namesText,
  POSITIONS_LATE_MS,
  type Reason,
  reasonText,
  type SlotView,
  sameReasons,
  spanOf,
  standbysOf,
} from '@slotcast/domain';
import { agoText, bytesText, durationText, shownLength, textTable } from '@slotcast/views';
import { printable } from '../../shared/output.ts';
import { type Paint, plain, type Style } from './paint.ts';

const SEPARATOR = '  ';

/** True when the copy really is behind, as far as the topics tell. */
export function isBehind({ ready, lag }: CopyView): boolean {
  return lag !== undefined && lag.bytes > 0n && !(ready && lag.ms <= POSITIONS_LATE_MS);
}

/** One row per slot, one column per standby; standbys for which a line has no room come in another table below. */
export function slotTables(view: ClusterView, paint: Paint, width: number): string[] {
  let standbys = standbysOf(view.nodes);
  const lines: string[] = [];
  do {
    const fitting = fittingColumns(view, standbys, width);
    lines.push(...(lines.length === 0 ? [] : ['']), ...slotTable(view, standbys.slice(0, fitting), paint));
    standbys = standbys.slice(fitting);
  } while (standbys.length > 0);
  return lines;
}

/** At least one, however wide. */
function fittingColumns(view: ClusterView, standbys: readonly NodeView[], width: number): number {
  const widthOf = (count: number): number =>
    Math.max(...slotTable(view, standbys.slice(0, count), plain).map((line) => shownLength(line)));
  let count = 1;
  while (count < standbys.length && widthOf(count + 1) <= width) {
    count += 1;
  }
  return count;
}

function slotTable({ slots }: ClusterView, standbys: readonly NodeView[], paint: Paint): string[] {
  const head = ['slot', 'confirmed', ...standbys.map(({ name }) => printable(name))];
  const rows = slots.map((slot) => [
    paint('strong', slot.name),
    confirmedText(slot),
    ...standbys.map((node) => copyCell(node, copyOn(slot, node), paint)),
  ]);
  return textTable([head.map((cell) => paint('dim', cell)), ...rows], SEPARATOR);
}

function confirmedText({ known }: SlotView): string {
  const position = known?.record.state?.confirmedFlushLsn;
  return position === undefined ? '-' : formatLsn(position);
}

function copyOn(slot: SlotView, node: NodeView): CopyView | undefined {
  return slot.copies.find((copy) => copy.node === node.name);
}

function copyCell(node: NodeView, copy: CopyView | undefined, paint: Paint): string {
  const state = copy?.state ?? 'unknown';
  const lag = copy?.lag;
  const text = node.stale ? `was ${state}` : state;
  const behind =
    copy === undefined || lag === undefined || !isBehind(copy)
      ? ''
      : ` (${bytesText(lag.bytes)}, ${durationText(lag.ms)})`;
  const proven = copy?.proof === undefined ? '' : `, proven ${agoText(copy.proof.ageMs)}`;
  return paint(styleOf(node, copy), text) + behind + proven;
}

function styleOf(node: NodeView, copy: CopyView | undefined): Style {
  if (node.stale) {
    return 'warning';
  }
  switch (copy?.state) {
    case 'ready':
    case 'native':
      return copy.ready ? 'good' : 'warning';
    case 'lagging':
    case 'unheard':
    case 'retrying':
    case 'catching_up':
    case 'absent':
    case undefined:
      return 'warning';
    case 'blocked':
    case 'conflict':
    case 'invalidated':
    case 'diverged':
      return 'bad';
  }
}

/** Why copies are not ready, each reason once with all the slots that it holds for. A standby that was not heard of has one reason for all. */
export function copyReasons(view: ClusterView): string[] {
  return (
    standbysOf(view.nodes)
      // What is recorded of slots that a consumer does not stand by is told where it is said that the node is unfit.
      .filter(({ status }) => status?.alarm === undefined)
      .flatMap((node) =>
        node.stale && view.slots.length > 0
          ? [
              `${printable(node.name)}: not heard of for ${durationText(node.ageMs)}; does slotcast consumer run beside it?`,
            ]
          : reasonsOn(node, view.slots),
      )
  );
}

function reasonsOn(node: NodeView, slots: readonly SlotView[]): string[] {
  return reasonLines(node, slots, ({ ready, state = 'unknown', reasons }) =>
    ready || reasons.length === 0 ? undefined : { what: state, reasons },
  );
}

/** Why copies are moved by decoding, which may be so of copies that are ready. */
export function decodingReasons(view: ClusterView): string[] {
  return standbysOf(view.nodes)
    .filter(({ stale }) => !stale)
    .flatMap((node) =>
      reasonLines(node, view.slots, ({ decoding }) =>
        decoding === undefined ? undefined : { what: 'advanced by decoding', reasons: [decoding] },
      ),
    );
}

/** What a copy is, and why. */
interface Told {
  readonly what: string;
  readonly reasons: readonly Reason[];
}

function reasonLines(
  node: NodeView,
  slots: readonly SlotView[],
  toldOf: (copy: CopyView) => Told | undefined,
): string[] {
  const groups: { readonly what: string; readonly lists: (readonly Reason[])[]; readonly names: string[] }[] =
    [];
  for (const slot of slots) {
    const copy = copyOn(slot, node);
    const told = copy === undefined ? undefined : toldOf(copy);
    if (told === undefined) {
      continue;
    }
    const known = groups.find(
      ({ what, lists: [first = []] }) => what === told.what && sameReasons(first, told.reasons),
    );
    if (known === undefined) {
      groups.push({ what: told.what, lists: [told.reasons], names: [slot.name] });
    } else {
      known.lists.push(told.reasons);
      known.names.push(slot.name);
    }
  }
  return groups.map(({ what, lists, names }) => {
    const why = printable(reasonText(spanOf(lists)));
    return `${printable(node.name)}: ${namesText(names)} ${names.length === 1 ? 'is' : 'are'} ${what}: ${why}`;
  });
}
