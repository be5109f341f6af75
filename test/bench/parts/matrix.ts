import type { BenchCluster } from '../cluster/bench-cluster.ts';
import { type Cell, movesPerSecond } from './cells.ts';
import { type LagResult, measureLag } from './lag.ts';

interface FailedCell extends Cell {
  readonly message: string;
}

export interface MatrixResult {
  readonly cells: readonly LagResult[];
  readonly failed: readonly FailedCell[];
}

/** Measures the lag of both ways for each number of slots under each write load. A cell that fails does not keep the next from being measured. */
export async function measureMatrix(
  cluster: BenchCluster,
  options: {
    readonly cells: readonly Cell[];
    readonly seconds: number;
    readonly say: (text: string) => void;
  },
): Promise<MatrixResult> {
  const cells: LagResult[] = [];
  const failed: FailedCell[] = [];
  const slots: string[] = [];
  for (const cell of options.cells) {
    options.say(`slots: ${cell.slots}, MB/s: ${cell.mbPerSecond}`);
    try {
      await addSlots(cluster, slots, cell.slots);
      const { mbPerSecond } = cell;
      const wanted = { slots, movesPerSecond: movesPerSecond(cell.slots), mbPerSecond };
      cells.push(await measureLag(cluster, { ...wanted, seconds: options.seconds }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      options.say(`failed: ${message}`);
      failed.push({ ...cell, message });
    }
  }
  if (cells.length === 0) {
    throw new Error(`no cell was measured: ${failed[0]?.message ?? 'none was wanted'}`);
  }
  return { cells, failed };
}

async function addSlots(cluster: BenchCluster, slots: string[], wanted: number): Promise<void> {
  const first = slots.length + 1;
  const added = Array.from({ length: wanted - slots.length }, (_, index) => `bench_matrix_${first + index}`);
  if (added.length > 0) {
    await cluster.createSlots(added);
    slots.push(...added);
    await cluster.untilFollowed(slots, { native: true });
    await cluster.settle();
  } else {
    await cluster.catchUp();
  }
}
