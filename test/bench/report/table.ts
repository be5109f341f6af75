/** One table of the report, with what has to be said about it. The first row has the headings. */
export interface Table {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** For a terminal: text to the left, figures to the right. */
export function tableAsText(table: Table): string {
  return [table.title, ...columns(table.rows), ...table.notes].map((line) => `${line}\n`).join('');
}

/** For a page: the title is the caller's. */
export function tableAsMarkdown({ rows, notes }: Table): string {
  const [headings = [], ...others] = rows;
  const rule = `|${headings.map((_, column) => (column === 0 ? ' --- |' : ' ---: |')).join('')}\n`;
  const table = `${line(headings)}${rule}${others.map((cells) => line(cells)).join('')}`;
  return [table, ...notes.map((note) => `${note}\n`)].join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    `  ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column === 0)).join('  ')}`.trimEnd(),
  );
}

function pad(cell: string, width: number, isFirst: boolean): string {
  return isFirst || !/^[0-9–<]/.test(cell) ? cell.padEnd(width) : cell.padStart(width);
}
