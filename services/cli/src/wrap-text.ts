import { shownLength } from '@slotcast/runtime';

/** Breaks text between words so that no line is wider than `width`, as far as words allow. Lines after the first are indented. */
export function wrapText(
  text: string,
  options: { readonly width: number; readonly indent: number },
): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && shownLength(line) + 1 + shownLength(word) > options.width) {
      lines.push(line);
      line = `${' '.repeat(options.indent)}${word}`;
    } else {
      line = line === '' && lines.length === 0 ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
