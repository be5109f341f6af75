import type { StatusReport } from '@slotcast/views';
import { candidateLines, certainlyAhead } from './candidates.ts';
import { nodeRemarks, nodeTable, publisherLine } from './nodes.ts';
import { orphanLines } from './orphans.ts';
import type { Paint } from './paint.ts';
import { physicalLines } from './physical.ts';
import { copyReasons, decodingReasons, isBehind, slotTables } from './slots.ts';
import { verdictLines } from './verdict.ts';
import { wrapText } from './wrap-text.ts';

/** How the report is drawn. */
export interface Drawing {
  readonly paint: Paint;
  /** Characters per line, as far as names allow. */
  readonly width: number;
}

/** The report for people: the answer first, then what it rests on. */
export function statusText(report: StatusReport, { paint, width }: Drawing): string[] {
  const { cluster, view } = report;
  const wrap = (lines: readonly string[], indent: number): string[] =>
    lines.flatMap((line) => wrapText(line, { width, indent }));
  const title = (text: string): string => paint('dim', text);
  const lags = view.slots.some(({ copies }) => copies.some(isBehind));
  const reasons = copyReasons(view);
  const decoding = decodingReasons(view);
  const isAhead = view.candidates.some((candidate) => certainlyAhead(candidate).length > 0);
  const blocks: readonly (readonly string[])[] = [
    wrap(verdictLines(report, paint), 0),
    [publisherLine(cluster, view, paint)],
    [...nodeTable(view, paint), ...wrap(nodeRemarks(view), 2)],
    view.slots.length === 0 ? [] : slotTables(view, paint, width),
    lags ? wrap([title(LAG_LEGEND)], 0) : [],
    view.orphans.length === 0 ? [] : [title('orphaned'), ...wrap(orphanLines(view.orphans), 4)],
    view.physicalSlots.length === 0
      ? []
      : [title('physical slots'), ...wrap(physicalLines(view.physicalSlots), 4)],
    reasons.length === 0 ? [] : [title('not ready'), ...wrap(reasons, 4)],
    decoding.length === 0 ? [] : [title('followed at a higher cost'), ...wrap(decoding, 4)],
    view.candidates.length === 0 || view.slots.length === 0
      ? []
      : [title('to promote, the best one first'), ...wrap(candidateLines(view, paint), 6)],
    isAhead ? wrap([title(AHEAD_LEGEND)], 0) : [],
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

const LAG_LEGEND =
  'In brackets: how far a copy is behind what its subscriber has confirmed, and for how long.';

const AHEAD_LEGEND =
  'Ahead: the subscriber has confirmed changes that this standby had not received when it last wrote its record.';
