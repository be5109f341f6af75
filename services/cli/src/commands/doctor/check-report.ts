import { type Check, type CheckOutcome, checkAreas } from '@slotcast/domain';
import { printable } from '../../shared/output.ts';

/** SGR codes of ECMA-48. */
const styles = { ok: '32', info: '36', warning: '33', failed: '31', heading: '1', remedy: '1' } as const;

/** The checks for people: grouped by area, each with what is so and, below, what fixes it. */
export function checkReport(checks: readonly Check[], colours: boolean): readonly string[] {
  const paint = (style: keyof typeof styles, text: string): string =>
    colours ? `\u001B[${styles[style]}m${text}\u001B[0m` : text;
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines: string[] = [];
  for (const area of checkAreas) {
    const inArea = checks.filter((check) => check.area === area);
    if (inArea.length > 0) {
      lines.push(paint('heading', `${area.slice(0, 1).toUpperCase()}${area.slice(1)}`));
    }
    for (const { check, outcome, message, remedy } of inArea) {
      const mark = paint(outcome, outcome.padEnd('warning'.length));
      lines.push(`  ${mark}  ${check.padEnd(width)}  ${printable(message)}`);
      if (remedy !== '') {
        lines.push(
          `  ${' '.repeat('warning'.length)}  ${' '.repeat(width)}  ${paint('remedy', printable(remedy))}`,
        );
      }
    }
  }
  return [...lines, summary(checks)];
}

function summary(checks: readonly Check[]): string {
  const count = (wanted: CheckOutcome): number => checks.filter(({ outcome }) => outcome === wanted).length;
  const warnings = count('warning');
  return `${checks.length} checks: ${count('failed')} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
}
