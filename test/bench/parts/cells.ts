/** One cell of the matrix. */
export interface Cell {
  readonly slots: number;
  readonly mbPerSecond: number;
}

const SLOTS = [1, 50, 500];
const LOADS = [0, 5, 15, 30];
/** Cells that have a target of their own. */
const EXTRA: readonly Cell[] = [{ slots: 100, mbPerSecond: 15 }];

/** The cells to measure, fewer slots first, so that slots only have to be added. Without a choice of either kind all of the matrix. */
export function cellsOf(choice: {
  readonly slots: readonly number[] | undefined;
  readonly loads: readonly number[] | undefined;
}): readonly Cell[] {
  const extra = choice.slots === undefined && choice.loads === undefined ? EXTRA : [];
  const cells = (choice.slots ?? SLOTS).flatMap((slots) =>
    (choice.loads ?? LOADS).map((mbPerSecond) => ({ slots, mbPerSecond })),
  );
  return [...cells, ...extra].toSorted((a, b) => a.slots - b.slots || a.mbPerSecond - b.mbPerSecond);
}

/** Moves per second of all slots together: ten of each slot, up to a limit. */
export function movesPerSecond(slots: number): number {
  return Math.min(200, 10 * slots);
}
