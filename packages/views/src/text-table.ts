import { stripVTControlCharacters } from 'node:util';

/**
 * Columns of text, as wide as their widest cell; numbers are aligned to the right by whoever makes the cells. Colours in a cell take no
 * room.
 */
export function textTable(rows: readonly (readonly string[])[], separator = '   '): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, shownLength(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - shownLength(cell)))
      .join(separator)
      .trimEnd(),
  );
}

/** Characters of a text as a terminal shows it. */
export function shownLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
