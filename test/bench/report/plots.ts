import type { GrowthResult } from '../parts/growth.ts';
import type { LagResult } from '../parts/lag.ts';
import type { PartResults } from '../parts/parts.ts';
import { type PlotSeries, plotAsSvg } from './plot.ts';

/** Images by their file names; none without the figures that they need. */
export function plots(parts: Partial<PartResults>): ReadonlyMap<PlotFile, string> {
  const images = new Map<PlotFile, string>();
  const { matrix, growth } = parts;
  if (matrix !== undefined && matrix.cells.length > 1) {
    images.set('lag.svg', lagPlot(matrix.cells));
  }
  if (growth !== undefined && growth.rows.length > 1) {
    images.set('cost.svg', costPlot(growth));
  }
  return images;
}

export type PlotFile = 'lag.svg' | 'cost.svg';

function lagPlot(cells: readonly LagResult[]): string {
  const numbers = [...new Set(cells.map(({ slots }) => slots))].toSorted((a, b) => a - b);
  const series = numbers.flatMap((slots, colour): readonly PlotSeries[] => {
    const row = cells
      .filter((cell) => cell.slots === slots)
      .toSorted((a, b) => a.load.wantedMbPerSecond - b.load.wantedMbPerSecond);
    const points = (way: 'slotcast' | 'native') =>
      row.map((cell) => ({ x: cell.load.wantedMbPerSecond, y: cell[way].lagMs.p50 }));
    const what = slots === 1 ? '1 slot' : `${slots} slots`;
    return [
      { name: `slotcast, ${what}`, points: points('slotcast'), colour, dashed: false },
      { name: `PostgreSQL, ${what}`, points: points('native'), colour, dashed: true },
    ];
  });
  return plotAsSvg({
    title: 'Lag by write load and number of slots',
    xLabel: 'write load, MB/s of WAL',
    yLabel: 'lag p50, ms',
    xScale: 'linear',
    yScale: 'log',
    series,
  });
}

function costPlot({ rows }: GrowthResult): string {
  const line = (name: string, colour: number, of: (row: GrowthResult['rows'][number]) => number) => ({
    name,
    points: rows.map((row) => ({ x: row.slots, y: of(row) })),
    colour,
    dashed: false,
  });
  return plotAsSvg({
    title: 'Cost of a move by number of slots',
    xLabel: 'slots',
    yLabel: 'processor time per move, ms of a core',
    xScale: 'log',
    yScale: 'linear',
    series: [
      line('publisher, its sessions', 0, (row) => row.publisherMsPerMove + row.primarySessionsMsPerMove),
      line('consumer, its sessions', 1, (row) => row.consumerMsPerMove + row.standbySessionsMsPerMove),
    ],
  });
}
