/** True when both say the same: equal numbers and texts, and lists, maps, sets and plain objects of such. Functions are equal when they are one. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameValue(value, b.get(key)));
  }
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size && [...a].every((entry) => b.has(entry));
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return false;
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) || a instanceof Map || a instanceof Set) {
    return false;
  }
  const here = Object.entries(a);
  const there = new Map<string, unknown>(Object.entries(b));
  return (
    here.length === there.size &&
    here.every(([key, value]) => there.has(key) && sameValue(value, there.get(key)))
  );
}
