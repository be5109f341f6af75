/** One cell of the matrix. */
export interface Cell {
  readonly slots: number;
  readonly mbPerSecond: number;
}

const SLOTS = [1, 50, 500];
const LOADS = [0, 5, 15, 30];
/** Has a target of its own. */
const BUSY_HUNDRED: Cell = { slots: 100, mbPerSecond: 15 };

/** Without a choice of either kind all of the matrix, or those of its cells that have a target. */
export interface CellChoice {
  readonly slots: readonly number[] | undefined;
  readonly loads: readonly number[] | undefined;
  readonly targetsOnly: boolean;
}

/** The cells to measure, fewer slots first, so that slots only have to be added. */
export function cellsOf({ slots, loads, targetsOnly }: CellChoice): readonly Cell[] {
  const cells = (slots ?? SLOTS).flatMap((number) =>
    (loads ?? LOADS).map((mbPerSecond) => ({ slots: number, mbPerSecond })),
  );
  const isWhole = slots === undefined && loads === undefined;
  return [
    ...(isWhole && targetsOnly ? cells.filter(hasTarget) : cells),
    ...(isWhole ? [BUSY_HUNDRED] : []),
  ].toSorted((a, b) => a.slots - b.slots || a.mbPerSecond - b.mbPerSecond);
}

/** Which target a cell belongs to, if to any. */
export function cellTarget({ slots, mbPerSecond }: Cell): 'few' | 'many' | undefined {
  if (slots <= 50 && mbPerSecond <= 15) {
    return 'few';
  }
  const isMany = (slots === 100 && mbPerSecond === 15) || (slots === 500 && mbPerSecond === 5);
  return isMany ? 'many' : undefined;
}

function hasTarget(cell: Cell): boolean {
  return cellTarget(cell) !== undefined;
}

/** Moves per second of all slots together: ten of each slot, up to a limit. */
export function movesPerSecond(slots: number): number {
  return Math.min(200, 10 * slots);
}
