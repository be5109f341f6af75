/** Who imports whom: the names that each name imports from, both sorted. A name that imports nothing is there, too. */
export type Arrows = ReadonlyMap<string, readonly string[]>;

export interface Arrow {
  readonly from: string;
  readonly to: string;
}

export function arrowsOf(names: Iterable<string>, arrows: Iterable<Arrow>): Arrows {
  const targets = new Map([...names].toSorted().map((name) => [name, new Set<string>()]));
  for (const { from, to } of arrows) {
    if (from !== to) {
      targets.get(from)?.add(to);
    }
  }
  return new Map([...targets].map(([from, to]) => [from, [...to].toSorted()]));
}

/** Names that import each other in a circle, the first one again at its end; `undefined` when there is none. */
export function findCycle(arrows: Arrows): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(name)) {
      return [...path.slice(path.indexOf(name)), name];
    }
    if (done.has(name)) {
      return undefined;
    }
    for (const target of arrows.get(name) ?? []) {
      const cycle = visit(target, [...path, name]);
      if (cycle !== undefined) {
        return cycle;
      }
    }
    done.add(name);
    return undefined;
  };
  for (const name of arrows.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) {
      return cycle;
    }
  }
  return undefined;
}

/** Names with all that they import below them. Throws when they import each other in a circle. */
export function fromTheTop(arrows: Arrows): string[] {
  const cycle = findCycle(arrows);
  if (cycle !== undefined) {
    throw new Error(`a circle of imports: ${cycle.join(' → ')}`);
  }
  const depth = (name: string): number =>
    Math.max(0, ...(arrows.get(name) ?? []).map((target) => depth(target) + 1));
  return [...arrows.keys()].toSorted((a, b) => depth(b) - depth(a));
}
