import type { ReceivedRows } from './received-rows.ts';

export interface Evidence {
  /** Numbers of the rows on the new primary. */
  readonly onNewPrimary: ReadonlySet<number>;
  /** By slot. */
  readonly received: ReadonlyMap<
    string,
    Pick<ReceivedRows, 'has' | 'numbers' | 'duplicates' | 'latenciesMs'>
  >;
}

/** Whether the subscribers have all that the new primary has. */
export interface Verdict {
  /** By slot: rows that are on the new primary and arrived. */
  readonly rowsPerSubscriber: Readonly<Record<string, number>>;
  /** By slot: rows that are on the new primary and did not arrive, in order. */
  readonly missingRows: ReadonlyMap<string, readonly number[]>;
  /** The sum over all subscribers. */
  readonly missing: number;
  /** Rows that arrived again, over all subscribers. */
  readonly duplicates: number;
  /** Rows that at least one subscriber received, and that are not on the new primary. */
  readonly lostRows: number;
  /** Over all rows and subscribers, to a tenth of a millisecond; absent when nothing arrived. */
  readonly latencyMs: { readonly p50: number; readonly p99: number } | undefined;
}

/** Compares what arrived with what is there. */
export function judge({ onNewPrimary, received }: Evidence): Verdict {
  const slots = [...received];
  const missingRows = new Map(
    slots.map(([slot, rows]) => [
      slot,
      [...onNewPrimary].filter((row) => !rows.has(row)).toSorted((a, b) => a - b),
    ]),
  );
  const missingOf = (slot: string): number => missingRows.get(slot)?.length ?? 0;
  const lost = new Set(
    slots.flatMap(([, rows]) => [...rows.numbers()].filter((row) => !onNewPrimary.has(row))),
  );
  const latencies = slots.flatMap(([, rows]) => [...rows.latenciesMs()]).toSorted((a, b) => a - b);
  return {
    rowsPerSubscriber: Object.fromEntries(slots.map(([slot]) => [slot, onNewPrimary.size - missingOf(slot)])),
    missingRows,
    missing: sum(slots.map(([slot]) => missingOf(slot))),
    duplicates: sum(slots.map(([, rows]) => rows.duplicates)),
    lostRows: lost.size,
    latencyMs:
      latencies.length === 0
        ? undefined
        : { p50: tenths(quantile(latencies, 0.5)), p99: tenths(quantile(latencies, 0.99)) },
  };
}

/** The nearest-rank quantile of ascending numbers. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(Math.ceil(ascending.length * share) - 1, 0)] ?? Number.NaN;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
