import type { Position } from './wal.ts';

const texts = new Map<Position, string>();
/** Texts are made again and again for the same few positions; of older ones nobody asks any more. */
const MOST_TEXTS = 50_000;

/** `pg_lsn` text. */
export function formatPosition(position: Position): string {
  const known = texts.get(position);
  if (known !== undefined) {
    return known;
  }
  const high = Math.floor(position / 2 ** 32).toString(16);
  const low = (position % 2 ** 32).toString(16);
  const text = `${high}/${low}`.toUpperCase();
  if (texts.size >= MOST_TEXTS) {
    texts.clear();
  }
  texts.set(position, text);
  return text;
}

export function parsePosition(text: string): Position {
  const [high = '', low = ''] = text.split('/');
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}
