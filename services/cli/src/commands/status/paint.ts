import type { WriteStream } from 'node:tty';

/** How a piece of text stands out. */
export type Style = 'good' | 'warning' | 'bad' | 'dim' | 'strong';

/** Gives text a colour where that is of use, and leaves it as it is elsewhere. */
export type Paint = (style: Style, text: string) => string;

/** ANSI: 32 green, 33 yellow, 31 red, 2 faint, 1 bold. */
const codes: Readonly<Record<Style, string>> = {
  good: '32',
  warning: '33',
  bad: '31',
  dim: '2',
  strong: '1',
};

export const plain: Paint = (_style, text) => text;

const coloured: Paint = (style, text) => `\u001B[${codes[style]}m${text}\u001B[0m`;

/** Colours for a terminal that has them, unless NO_COLOR is set. */
export function paintFor(stream: Pick<WriteStream, 'isTTY'>, environment: NodeJS.ProcessEnv): Paint {
  const isWanted = (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return stream.isTTY && isWanted ? coloured : plain;
}
