/** Columns of text, as wide as their widest cell; numbers are aligned to the right by whoever makes the cells. */
export function textTable(rows: readonly (readonly string[])[], separator = '   '): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(separator)
      .trimEnd(),
  );
}
