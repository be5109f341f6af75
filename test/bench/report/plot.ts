import { figure } from './figure.ts';

interface PlotPoint {
  readonly x: number;
  readonly y: number;
}

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly PlotPoint[];
  /** Index of the colour; series that belong together share one. */
  readonly colour: number;
  readonly dashed: boolean;
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale: 'linear' | 'log';
  readonly yScale: 'linear' | 'log';
  readonly series: readonly PlotSeries[];
}

const WIDTH = 720;
const HEIGHT = 380;
const LEFT = 70;
const RIGHT = 220;
const TOP = 36;
const BOTTOM = 52;
const LEGEND_STEP = 18;

/** Told apart on white and on black, and by people who do not tell red from green. */
const COLOURS = ['#0072b2', '#d55e00', '#cc79a7', '#009e73', '#8a6d00'];

/** An image with axes in their units, and without a background; its text is dark on light pages and light on dark ones. */
export function plotAsSvg(plot: Plot): string {
  const points = plot.series.flatMap(({ points }) => points);
  if (points.length === 0) {
    throw new RangeError(`there is nothing to plot for "${plot.title}"`);
  }
  const x = axis(
    points.map((point) => point.x),
    plot.xScale,
    { from: LEFT, to: WIDTH - RIGHT },
  );
  const y = axis(
    points.map((point) => point.y),
    plot.yScale,
    { from: HEIGHT - BOTTOM, to: TOP },
  );
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(plot.title)}" font-family="sans-serif" font-size="12">`,
    '<style>text { fill: #24292f } .grid { stroke: #8c959f; stroke-opacity: .35 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>',
    `<text x="${LEFT}" y="20" font-size="14" font-weight="bold">${escape(plot.title)}</text>`,
    ...x.ticks.flatMap((tick) => [
      `<line class="grid" x1="${x.at(tick)}" x2="${x.at(tick)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`,
      `<text x="${x.at(tick)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${figure(tick)}</text>`,
    ]),
    ...y.ticks.flatMap((tick) => [
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick)}" y2="${y.at(tick)}"/>`,
      `<text x="${LEFT - 6}" y="${y.at(tick) + 4}" text-anchor="end">${figure(tick)}</text>`,
    ]),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escape(plot.xLabel)}</text>`,
    `<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escape(plot.yLabel)}</text>`,
    ...plot.series.flatMap((series, index) => seriesLines(series, index, { x, y })),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

interface Axis {
  readonly ticks: readonly number[];
  /** Where a value lies in the image. */
  at(value: number): number;
}

function seriesLines(
  { name, points, colour, dashed }: PlotSeries,
  index: number,
  { x, y }: { readonly x: Axis; readonly y: Axis },
): readonly string[] {
  const stroke = COLOURS[colour % COLOURS.length] ?? '#000000';
  const dash = dashed ? ' stroke-dasharray="6 4"' : '';
  const path = points.map((point) => `${x.at(point.x)},${y.at(point.y)}`).join(' ');
  const legendY = TOP + 8 + index * LEGEND_STEP;
  const legendX = WIDTH - RIGHT + 16;
  return [
    `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2"${dash}/>`,
    ...points.map((point) => `<circle cx="${x.at(point.x)}" cy="${y.at(point.y)}" r="3" fill="${stroke}"/>`),
    `<line x1="${legendX}" x2="${legendX + 26}" y1="${legendY}" y2="${legendY}" stroke="${stroke}" stroke-width="2"${dash}/>`,
    `<text x="${legendX + 32}" y="${legendY + 4}">${escape(name)}</text>`,
  ];
}

function axis(
  values: readonly number[],
  scale: 'linear' | 'log',
  { from, to }: { readonly from: number; readonly to: number },
): Axis {
  const ticks = scale === 'log' ? decades(values) : linearTicks(Math.max(...values));
  const measure = (value: number): number => (scale === 'log' ? Math.log10(value) : value);
  const low = measure(ticks[0] ?? 1);
  const high = measure(ticks.at(-1) ?? 1);
  const at = (value: number): number =>
    Math.round(10 * (from + ((to - from) * (measure(value) - low)) / (high - low))) / 10;
  return { ticks, at };
}

/** Powers of ten around all values, at least two of them. Throws for values that a logarithm does not have. */
function decades(values: readonly number[]): readonly number[] {
  const least = Math.min(...values);
  if (least <= 0) {
    throw new RangeError(`${least} has no place on a logarithmic axis`);
  }
  const first = Math.floor(Math.log10(least));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

/** From 0 on in four to eight round steps. */
function linearTicks(most: number): readonly number[] {
  const rough = (most > 0 ? most : 1) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power;
  return Array.from({ length: Math.max(1, Math.ceil(most / step)) + 1 }, (_, index) => index * step);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
