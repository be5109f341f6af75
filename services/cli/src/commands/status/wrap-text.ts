import { shownLength } from '@slotcast/views';

/**
 * Breaks text between words so that no line is wider than `width`, as far as words allow. Lines after the first are indented; an indent
 * that the text has already stays.
 */
export function wrapText(
  text: string,
  options: { readonly width: number; readonly indent: number },
): string[] {
  const lines: string[] = [];
  const [first = '', ...words] = text.trimStart().split(' ');
  let line = text.slice(0, text.length - text.trimStart().length) + first;
  for (const word of words) {
    if (shownLength(line) + 1 + shownLength(word) > options.width) {
      lines.push(line);
      line = `${' '.repeat(options.indent)}${word}`;
    } else {
      line = `${line} ${word}`;
    }
  }
  return [...lines, line];
}
