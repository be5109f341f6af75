/** True when both lists hold the same objects in the same order. */
export function sameElements<T extends object>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((each, index) => each === others[index]);
}
