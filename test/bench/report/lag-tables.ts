import type { FloorResult } from '../parts/floor.ts';
import type { GrowthResult } from '../parts/growth.ts';
import type { LagResult, WatchedLag } from '../parts/lag.ts';
import type { MatrixResult } from '../parts/matrix.ts';
import type { RestartResult } from '../parts/restart.ts';
import type { SilenceResult } from '../parts/silence.ts';
import { figure } from './figure.ts';
import type { Table } from './table.ts';

export function lagTable({ cells, failed }: MatrixResult): Table {
  return {
    title: 'Lag, ms: from the move on the primary to the same position on the standby',
    rows: [
      [
        'slots',
        'MB/s',
        'reached',
        'moves/s',
        'p50',
        'p99',
        'max',
        "PostgreSQL's p50",
        'p99',
        'max',
        'ratio p50',
        'p99',
      ],
      ...cells.map((cell) => [
        String(cell.slots),
        figure(cell.load.wantedMbPerSecond),
        figure(cell.load.mbPerSecond),
        figure(cell.movesPerSecond),
        ...lagCells(cell.slotcast),
        ...lagCells(cell.native),
        figure(cell.ratioP50),
        figure(cell.ratioP99),
      ]),
    ],
    notes: failed.map(
      ({ slots, mbPerSecond, message }) => `${slots} slots at ${mbPerSecond} MB/s failed: ${message}`,
    ),
  };
}

export function processorTable({ cells }: MatrixResult): Table {
  return {
    title: 'Processor time, % of a core',
    rows: [
      [
        'slots',
        'MB/s',
        'publisher',
        'its sessions',
        'consumer',
        'its sessions',
        "PostgreSQL's slot sync worker",
        'its session on the primary',
        'replay',
        'write load',
        "subscribers' decoding",
      ],
      ...cells.map((cell) => [
        String(cell.slots),
        figure(cell.load.wantedMbPerSecond),
        ...processorCells(cell.loads),
      ]),
    ],
    notes: [],
  };
}

function processorCells({ publisher, consumer, servers }: LagResult['loads']): string[] {
  return [
    publisher.cpuPercent,
    servers.primary?.services,
    consumer.cpuPercent,
    servers.standby?.services,
    servers.native?.slotsync,
    servers.primary?.slotsync,
    servers.standby?.replay,
    servers.primary?.load,
    servers.primary?.decoding,
  ].map((value) => figure(value ?? 0));
}

export function restartGapTable({ cells }: MatrixResult): Table {
  return {
    title: 'restart_lsn, MB: the most that the slot furthest behind was behind',
    rows: [
      [
        'slots',
        'MB/s',
        "slotcast's behind the primary's",
        "PostgreSQL's behind the primary's",
        "the primary's behind its WAL",
      ],
      ...cells.map(({ slots, load, restart }) => [
        String(slots),
        figure(load.wantedMbPerSecond),
        figure(restart.slotcast.behindPrimaryMb),
        figure(restart.native.behindPrimaryMb),
        figure(restart.primaryBehindEndMb),
      ]),
    ],
    notes: [],
  };
}

export function restartTable(result: RestartResult): Table {
  const { without, with: open, end } = result;
  return {
    title: `restart_lsn with ${result.slots} slots at ${figure(result.load.mbPerSecond)} MB/s for ${result.minutes} minutes, MB`,
    rows: [
      [
        '',
        "slotcast's behind the primary's",
        '10 s later',
        "PostgreSQL's behind the primary's",
        '10 s later',
        "slotcast's behind the WAL",
        "the primary's behind the WAL",
        'and moved at once by',
      ],
      ...(
        [
          ['most without an open transaction', without],
          ['most with one open', open],
          ['at the end', end],
        ] as const
      ).map(([name, gaps]) => [
        name,
        figure(gaps.slotcast.behindPrimaryMb),
        figure(gaps.slotcast.behindEarlierMb),
        figure(gaps.native.behindPrimaryMb),
        figure(gaps.native.behindEarlierMb),
        figure(gaps.slotcast.behindEndMb),
        figure(gaps.primaryBehindEndMb),
        figure(gaps.primaryJumpMb),
      ]),
    ],
    notes: [
      `*10 s later* is the distance to where the primary's slot was 10 s before. When that moves by more than the bound at once, a copy is beyond the bound for a moment, whoever makes it follow.`,
      `The transaction held ${figure(result.heldMb)} MB. After its end restart_lsn was within bounds again, 10 s after the primary's slot had moved, after ${figure(result.backAfterSeconds)} s with slotcast, ${figure(result.nativeBackAfterSeconds)} s with PostgreSQL's slot sync.`,
    ],
  };
}

export function floorTable({ floor, sumMs, lag, ratio }: FloorResult): Table {
  const steps = [
    ['flush on the primary', floor.flush],
    ['replay on the standby', floor.replay],
    ["Kafka's commit", floor.commit],
    ['fetch', floor.fetch],
    ['move on the standby', floor.move],
  ] as const;
  return {
    title: 'The floor: each step alone, ms',
    rows: [
      ['', 'p50', 'p99', 'max'],
      ...steps.map(([name, { p50, p99, max }]) => [name, figure(p50), figure(p99), figure(max)]),
      ['sum of the medians', figure(sumMs), '', ''],
      ['slotcast, one slot', ...lagCells(lag.slotcast)],
    ],
    notes: [`p50 of slotcast is ${figure(ratio)} times the floor.`],
  };
}

export function silenceTable(result: SilenceResult): Table {
  return {
    title: `First move after ${result.quietSeconds} s of silence, ms`,
    rows: [
      ['', ...result.rounds.map((_, index) => `round ${index + 1}`)],
      ['slotcast', ...result.rounds.map((round) => figure(round.slotcastMs))],
      ["PostgreSQL's slot sync", ...result.rounds.map((round) => figure(round.nativeMs))],
    ],
    notes: [`p50 of slotcast is ${figure(result.ratioP50)} times that of PostgreSQL.`],
  };
}

export function growthTable({ rows, failed }: GrowthResult): Table {
  return {
    title: 'Cost of a move, ms of a core, while all slots take turns',
    rows: [
      [
        'slots',
        'moves/s',
        'publisher',
        'its sessions',
        'consumer',
        'its sessions',
        "publisher's poll, ms",
        'lag p50, ms',
        'p99',
        'ready after, s',
      ],
      ...rows.map((row) => [
        String(row.slots),
        figure(row.movesPerSecond),
        figure(row.publisherMsPerMove),
        figure(row.primarySessionsMsPerMove),
        figure(row.consumerMsPerMove),
        figure(row.standbySessionsMsPerMove),
        figure(row.pollMs),
        figure(row.lagMs.p50),
        figure(row.lagMs.p99),
        figure(row.readyAfterSeconds),
      ]),
    ],
    notes: failed.map(({ slots, message }) => `${slots} slots failed: ${message}`),
  };
}

function lagCells({ lagMs }: WatchedLag): string[] {
  return [figure(lagMs.p50), figure(lagMs.p99), figure(lagMs.max)];
}
