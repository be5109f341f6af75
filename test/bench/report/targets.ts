import { cellTarget } from '../parts/cells.ts';
import type { LagResult } from '../parts/lag.ts';
import type { Part, PartResults } from '../parts/parts.ts';
import type { ReadyResult } from '../parts/ready.ts';
import { BOUND_MB, type RestartResult } from '../parts/restart.ts';
import { figure } from './figure.ts';

const SILENCE_RATIO_LIMIT = 0.05;
const RSS_LIMIT_MB = 120;
const IDLE_CPU_LIMIT_PERCENT = 2;
const HAND_OFF_LIMIT_MS = 500;
const BACK_LIMIT_SECONDS = 60;
const P50_LIMIT = 0.25;

/** One figure that has a target. */
export interface Target {
  readonly part: Part;
  readonly name: string;
  /** `undefined` when it did not come to an end in time. */
  readonly value: number | undefined;
  /** The most it may be. */
  readonly limit: number;
  readonly unit: 'x' | 'MB' | '%' | 'ms' | 's';
  readonly met: boolean;
  /** What else the run showed of it, for a target that is missed. */
  readonly why?: string;
}

type Figure = Omit<Target, 'met'>;

/** Compares the figures that are there with their targets. */
export function targets(parts: Partial<PartResults>): readonly Target[] {
  const found = [
    ...matrixFigures(parts.matrix?.cells ?? []),
    ...silenceFigures(parts),
    ...(parts.ready ?? []).map(readyFigure),
    ...(parts.restart === undefined ? [] : restartFigures(parts.restart)),
    ...promotionFigures(parts),
    ...idleFigures(parts),
  ];
  return found.map((figure) => ({
    ...figure,
    met: figure.value !== undefined && figure.value <= figure.limit,
  }));
}

function matrixFigures(cells: readonly LagResult[]): readonly Figure[] {
  const few = cells.filter((cell) => targetOf(cell) === 'few');
  const own = cells.filter((cell) => targetOf(cell) === 'many');
  return [
    ...worst(few, { name: '1–50 slots, 0–15 MB/s, the worst', p99Limit: 0.5 }),
    ...own.flatMap((cell) => worst([cell], { name: '', p99Limit: 1 })),
    ...cells.filter(isBusyHundred).flatMap(matrixSessionFigure),
  ];
}

function targetOf({ slots, load }: LagResult): ReturnType<typeof cellTarget> {
  return cellTarget({ slots, mbPerSecond: load.wantedMbPerSecond });
}

function isBusyHundred({ slots, load }: LagResult): boolean {
  return slots === 100 && load.wantedMbPerSecond === 15;
}

/** p50 and p99 of the cell in which each is worst. */
function worst(
  cells: readonly LagResult[],
  { name, p99Limit }: { readonly name: string; readonly p99Limit: number },
): readonly Figure[] {
  return (['ratioP50', 'ratioP99'] as const).flatMap((ratio) => {
    const [cell] = cells.toSorted((a, b) => b[ratio] - a[ratio]);
    if (cell === undefined) {
      return [];
    }
    const where = `${cell.slots} ${cell.slots === 1 ? 'slot' : 'slots'} at ${cell.load.wantedMbPerSecond} MB/s`;
    const what = name === '' ? where : `${name}: ${where}`;
    const isMedian = ratio === 'ratioP50';
    return {
      part: 'matrix',
      name: `${isMedian ? 'p50' : 'p99'} lag, of PostgreSQL's; ${what}`,
      value: cell[ratio],
      limit: isMedian ? P50_LIMIT : p99Limit,
      unit: 'x',
    } as const;
  });
}

function matrixSessionFigure({ slotcast, native, loads }: LagResult): readonly Figure[] {
  const why = `PostgreSQL's own slot sync is later and takes moves together: half of them are there after ${figure(native.lagMs.p50)} ms, here after ${figure(slotcast.lagMs.p50)} ms`;
  return sessionFigure('matrix', loads).map((each) => ({ ...each, why }));
}

function sessionFigure(part: Part, loads: LagResult['loads']): readonly Figure[] {
  const ours = loads.servers.standby?.services;
  const theirs = loads.servers.native?.slotsync;
  if (theirs === undefined) {
    return [];
  }
  const name = "processor time of slotcast's sessions on the standby, against PostgreSQL's slot sync worker";
  return [{ part, name: `${name}; 100 slots at 15 MB/s`, value: ours ?? 0, limit: theirs, unit: '%' }];
}

function silenceFigures({ silence }: Partial<PartResults>): readonly Figure[] {
  const name = "first move after silence, of PostgreSQL's";
  return silence === undefined
    ? []
    : [{ part: 'silence', name, value: silence.ratioP50, limit: SILENCE_RATIO_LIMIT, unit: 'x' }];
}

function readyFigure(result: ReadyResult): Figure {
  const { slots, rounds, statusIntervalSeconds } = result;
  const best = Math.min(...rounds.map(({ nativeSeconds }) => nativeSeconds ?? result.timeoutSeconds));
  const share = slots <= 50 ? 0.5 : 1;
  return {
    part: 'ready',
    name: `${slots} new ${slots === 1 ? 'slot' : 'slots'} ready, p50; ${share} x PostgreSQL's best + ${statusIntervalSeconds} s`,
    value: result.slotcastSeconds?.p50,
    limit: share * best + statusIntervalSeconds,
    unit: 's',
  };
}

function restartFigures(result: RestartResult): readonly Figure[] {
  const { slots, load, minutes, heldMb } = result;
  const { slotcast, native, primaryJumpMb } = result.without;
  const where = `${slots} slots at ${load.wantedMbPerSecond} MB/s, ${minutes} minutes`;
  const part = 'restart';
  const isBusyHundred = slots === 100 && load.wantedMbPerSecond === 15;
  return [
    {
      part,
      name: `restart_lsn behind the primary's; ${where}`,
      value: slotcast.behindPrimaryMb,
      limit: BOUND_MB,
      unit: 'MB',
      why: `what the primary's slots move by at once is behind at once, here up to ${figure(primaryJumpMb)} MB; with PostgreSQL's own slot sync it was up to ${figure(native.behindPrimaryMb)} MB`,
    },
    {
      part,
      name: "restart_lsn behind, 10 s after the primary's slot moved",
      value: slotcast.behindEarlierMb,
      limit: BOUND_MB,
      unit: 'MB',
      why: `a large move is made up by decoding that WAL once, and several follow on each other; PostgreSQL's own slot sync takes restart_lsn over where it has a snapshot of that place, and was up to ${figure(native.behindEarlierMb)} MB behind`,
    },
    {
      part,
      name: 'the same with a transaction open for half of them, and what it holds',
      value: result.with.slotcast.behindPrimaryMb,
      limit: BOUND_MB + heldMb,
      unit: 'MB',
    },
    {
      part,
      name: `restart_lsn back within ${BOUND_MB} MB after its end, 10 s after the primary's slot moved`,
      value: result.backAfterSeconds,
      limit: BACK_LIMIT_SECONDS,
      unit: 's',
    },
    ...(isBusyHundred ? sessionFigure(part, result.loads) : []),
  ];
}

function promotionFigures({ promotion }: Partial<PartResults>): readonly Figure[] {
  return (promotion ?? []).map(({ slots, moved, failover, walMb, recordedMs }) => ({
    part: 'promotion',
    name: `hand-off of ${slots} slots${failover ? ' with failover' : ''} on record, p50; ${moved ? 'all moved over' : 'at rest before'} ${walMb} MB`,
    value: recordedMs.p50,
    limit: HAND_OFF_LIMIT_MS,
    unit: 'ms',
    ...(failover ? { why: `the server saves each slot whose failover is set, ${slots} times to disk` } : {}),
  }));
}

function idleFigures({ memory }: Partial<PartResults>): readonly Figure[] {
  const largest = memory?.at(-1);
  const one = memory?.find(({ slots }) => slots === 1);
  return (memory ?? []).flatMap((idle) =>
    (['publisher', 'consumer'] as const).flatMap((service): readonly Figure[] => {
      const { rssMb, peakRssMb, cpuPercent } = idle.loads[service];
      const withOne = one?.loads[service];
      const subject = `${service}, ${idle.slots} ${idle.slots === 1 ? 'slot' : 'slots'} at rest`;
      const part = 'memory';
      const memoryFigure: Figure = {
        part,
        name: `memory of the ${subject}`,
        value: rssMb,
        limit: RSS_LIMIT_MB,
        unit: 'MB',
        why: `it was ${figure(peakRssMb)} MB while the slots were made, and ${figure(withOne?.rssMb)} MB with one slot`,
      };
      const processor: Figure = {
        part,
        name: `processor time of the ${subject}`,
        value: cpuPercent,
        limit: IDLE_CPU_LIMIT_PERCENT,
        unit: '%',
        why: `${figure(withOne?.cpuPercent)} % of that is there with one slot, as the server is looked at all the time`,
      };
      return idle === largest ? [memoryFigure, processor] : [processor];
    }),
  );
}
