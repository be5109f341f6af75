import type { Distribution } from './distribution.ts';
import type { LagResult, WatchedLag } from './lag-part.ts';
import type { IdleLoad } from './memory-part.ts';
import type { PromotionResult, PromotionRound } from './promotion-part.ts';
import { type Report, type Target, targets } from './report.ts';
import type { ServiceLoad } from './service-load.ts';
import type { SilenceResult } from './silence-part.ts';

/** The report for people. */
export function reportAsText(report: Report): string {
  const { environment } = report;
  const sections = [
    [
      `PostgreSQL ${environment.postgres} with fsync, Node ${environment.node}, ${environment.cores} cores, ${environment.startedAt}`,
      `Load of the machine before the start: ${figure(environment.loadBefore)}. Where others use the machine too, compare ratios.`,
    ],
    report.lag === undefined ? [] : lagLines('One slot', report.lag),
    report.silence === undefined ? [] : silenceLines(report.silence),
    report.many === undefined ? [] : lagLines(`${report.many.slots} slots`, report.many),
    report.memory === undefined ? [] : memoryLines(report.memory),
    ...(report.promotion ?? []).map(promotionLines),
    busyLines(report),
    targetLines(targets(report)),
    report.failures.map(({ part, message }) => `FAILED TO RUN ${part}: ${message}`),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function lagLines(subject: string, result: LagResult): string[] {
  const row = (name: string, { lagMs, resolutionMs }: WatchedLag): string[] => [
    name,
    ...distributionCells(lagMs),
    `${figure(resolutionMs.p50)} (${figure(resolutionMs.p99)})`,
  ];
  return [
    `${subject}, ${figure(result.movesPerSecond)} moves/s in all: from the move on the primary to the same position on the standby, ms`,
    ...columns([
      ['', 'moves', 'p50', 'p99', 'max', 'looked every, p50 (p99)'],
      row('slotcast', result.slotcast),
      row('PostgreSQL slot sync', result.native),
    ]),
    `p50 of slotcast is ${figure(result.ratioP50)} times that of PostgreSQL`,
    ...columns([LOAD_HEADINGS, loadRow('publisher', result.publisher), loadRow('consumer', result.consumer)]),
  ];
}

function silenceLines(result: SilenceResult): string[] {
  return [
    `First move after ${result.quietSeconds} s of silence, ms`,
    ...columns([
      ['', ...result.rounds.map((_, index) => `round ${index + 1}`)],
      ['slotcast', ...result.rounds.map((round) => figure(round.slotcastMs))],
      ['PostgreSQL slot sync', ...result.rounds.map((round) => figure(round.nativeMs))],
    ]),
    `p50 of slotcast is ${figure(result.ratioP50)} times that of PostgreSQL`,
  ];
}

function memoryLines(loads: readonly IdleLoad[]): string[] {
  return loads.flatMap((load) => [
    `${load.readySlots} of ${load.slots} slots ready after ${figure(load.readyAfterSeconds)} s, up to date ${figure(load.equalAfterSeconds)} s after the last move; nothing moves`,
    ...columns([LOAD_HEADINGS, loadRow('publisher', load.publisher), loadRow('consumer', load.consumer)]),
  ]);
}

function promotionLines({ slots, walMb, moved, rounds }: PromotionResult): string[] {
  const before = moved
    ? 'which their consumers all confirmed right before the primary died'
    : 'at rest when the primary died';
  const row = (name: string, of: (round: PromotionRound) => number): string[] => [
    name,
    ...rounds.map((round) => figure(of(round))),
  ];
  return [
    `Promotion with ${slots} slots in two databases, ${walMb} MB of WAL since a running-xacts record, ${before}, ms`,
    ...columns([
      ['', ...rounds.map((_, index) => `round ${index + 1}`)],
      row('pg_promote()', (round) => round.promoteMs),
      row('from its return until the last slot is in place', (round) => round.placedMs),
      row('from its return until the hand-off is on record', (round) => round.recordedMs),
      row('slots that were not in place when it returned', (round) => round.behind),
    ]),
  ];
}

function busyLines(report: Report): string[] {
  const shares = Object.entries(report.machineBusyPercent).map(
    ([part, share]) => `${part} ${figure(share)} %`,
  );
  return shares.length === 0 ? [] : [`The whole machine was in use: ${shares.join(', ')}`];
}

function targetLines(all: readonly Target[]): string[] {
  if (all.length === 0) {
    return [];
  }
  const rows = all.map(({ part, name, value, limit, unit, met }) => [
    part,
    name,
    `${figure(value)} ${unit}`,
    `<= ${limit} ${unit}`,
    met ? 'met' : 'MISSED',
  ]);
  return ['Targets', ...columns([['part', 'figure', 'measured', 'target', ''], ...rows])];
}

const LOAD_HEADINGS = ['', 'RSS MB', 'peak RSS MB', 'CPU %', 'CPU % of its PostgreSQL sessions'];

function loadRow(name: string, load: ServiceLoad): string[] {
  const { rssMb, peakRssMb, cpuPercent, sessionsCpuPercent } = load;
  return [name, ...[rssMb, peakRssMb, cpuPercent, sessionsCpuPercent].map(figure)];
}

function distributionCells({ count, p50, p99, max }: Distribution): string[] {
  return [String(count), figure(p50), figure(p99), figure(max)];
}

/** Three significant digits, and never an exponent. */
function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** Pads cells so that columns line up: text to the left, figures to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    `  ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column === 0)).join('  ')}`.trimEnd(),
  );
}

function pad(cell: string, width: number, isFirst: boolean): string {
  return isFirst || !/^[0-9]/.test(cell) ? cell.padEnd(width) : cell.padStart(width);
}
