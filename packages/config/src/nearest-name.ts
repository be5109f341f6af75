/** The candidate with the fewest single-character edits from `name`; `undefined` when all are too far to be a typing mistake. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(name.length / 4)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, by the row-wise recurrence. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, fromA] of a.split('').entries()) {
    const current = [row + 1];
    for (const [column, fromB] of b.split('').entries()) {
      const substitute = (previous[column] ?? 0) + (fromA === fromB ? 0 : 1);
      const insertOrDelete = Math.min(previous[column + 1] ?? 0, current[column] ?? 0) + 1;
      current.push(Math.min(substitute, insertOrDelete));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
