import { type StatusReport, statusJson } from '@slotcast/views';
import type { PrintOptions } from '../../shared/command-scope.ts';
import { printLine } from '../../shared/output.ts';
import { paintFor } from './paint.ts';
import { statusText } from './text.ts';

const USUAL_COLUMNS = 100;
const MIN_COLUMNS = 80;
const MAX_COLUMNS = 120;

/** ANSI: cursor home, erase to the end of the line, erase below. A frame is drawn over the last one, so that nothing flickers. */
const HOME = '\u001B[H';
const ERASE_LINE = '\u001B[K';
const ERASE_BELOW = '\u001B[J';
const ERASE_ALL = '\u001B[2J';

/** How one report after the other is shown. */
export function statusScreen(
  options: PrintOptions & { readonly watch: boolean },
): (report: StatusReport) => Promise<void> {
  if (options.output === 'json') {
    // One line for each look, as a reader of lines wants it.
    return (report) =>
      printLine(JSON.stringify(statusJson(report), undefined, options.watch ? undefined : 2));
  }
  let shown = 0;
  return async (report) => {
    const lines = draw(report);
    if (options.watch) {
      lines.unshift(new Date(report.view.time).toISOString());
    }
    const isFirst = shown === 0;
    shown += 1;
    if (options.watch && process.stdout.isTTY) {
      await printLine(frame(lines, process.stdout.rows, isFirst));
    } else {
      await printLine([...(isFirst ? [] : ['']), ...lines].join('\n'));
    }
  };
}

function draw(report: StatusReport): string[] {
  const { stdout } = process;
  const columns = stdout.isTTY ? stdout.columns : USUAL_COLUMNS;
  const width = Math.min(Math.max(columns, MIN_COLUMNS), MAX_COLUMNS);
  return statusText(report, { paint: paintFor(stdout, process.env), width });
}

/** A screen's worth of lines: a longer report would scroll and leave its beginning, the answer, out of sight. */
function frame(lines: readonly string[], rows: number, isFirst: boolean): string {
  const room = Math.max(rows - 2, 1);
  const fits = lines.length <= room;
  const left = lines.length - room + 1;
  const shown = fits
    ? lines
    : [...lines.slice(0, room - 1), `… and ${left} more lines; without --watch they are printed`];
  const body = shown.map((line) => `${line}${ERASE_LINE}`).join('\n');
  return `${isFirst ? ERASE_ALL : ''}${HOME}${body}${ERASE_BELOW}`;
}
