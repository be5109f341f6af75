import { summarize } from '../measure/distribution.ts';
import type { CatchUpResult } from '../parts/catch-up.ts';
import type { IdleLoad } from '../parts/memory.ts';
import type { PartResults } from '../parts/parts.ts';
import type { PromotionResult, PromotionRound } from '../parts/promotion.ts';
import type { ReadyResult } from '../parts/ready.ts';
import type { ReplayResult } from '../parts/replay.ts';
import { figure } from './figure.ts';
import {
  floorTable,
  growthTable,
  lagTable,
  processorTable,
  restartGapTable,
  restartTable,
  silenceTable,
} from './lag-tables.ts';
import type { Table } from './table.ts';
import type { Target } from './targets.ts';

/** All tables of the parts that were measured, in the order of the parts. */
export function partTables(parts: Partial<PartResults>): readonly Table[] {
  const { matrix } = parts;
  return [
    ...(matrix === undefined ? [] : [lagTable(matrix), processorTable(matrix), restartGapTable(matrix)]),
    ...tableOf(parts.floor, floorTable),
    ...tableOf(parts.silence, silenceTable),
    ...tableOf(parts.ready, readyTable),
    ...tableOf(parts.catchup, catchUpTable),
    ...tableOf(parts.restart, restartTable),
    ...tableOf(parts.growth, growthTable),
    ...tableOf(parts.memory, idleTable),
    ...tableOf(parts.replay, replayTable),
    ...tableOf(parts.promotion, promotionTable),
  ];
}

function tableOf<Result>(result: Result | undefined, make: (result: Result) => Table): readonly Table[] {
  return result === undefined ? [] : [make(result)];
}

export function targetTable(all: readonly Target[]): Table {
  return {
    title: 'Targets',
    rows: [
      ['figure', 'measured', 'target', ''],
      ...all.map(({ name, value, limit, unit, met }) => [
        name,
        value === undefined ? '– not in time' : `${figure(value)} ${unit}`,
        `<= ${figure(limit)} ${unit}`,
        met ? 'met' : 'MISSED',
      ]),
    ],
    notes: all.flatMap(({ name, met, why }) => (met || why === undefined ? [] : [`${name}: ${why}.`])),
  };
}

function readyTable(results: readonly ReadyResult[]): Table {
  return {
    title: 'New slots become ready, s from the answer to the last creation',
    rows: [
      [
        'slots',
        'rounds',
        'confirmed every, ms',
        'slotcast p50',
        'max',
        "PostgreSQL's p50",
        'max',
        'ready in the end',
        "PostgreSQL's",
      ],
      ...results.map((result) => [
        String(result.slots),
        String(result.rounds.length),
        String(result.confirmIntervalMs),
        figure(result.slotcastSeconds?.p50),
        figure(result.slotcastSeconds?.max),
        figure(result.nativeSeconds?.p50),
        figure(result.nativeSeconds?.max),
        String(Math.min(...result.rounds.map(({ slotcastReady }) => slotcastReady))),
        String(Math.min(...result.rounds.map(({ nativeReady }) => nativeReady))),
      ]),
    ],
    notes: [`wal_receiver_status_interval is ${figure(results[0]?.statusIntervalSeconds)} s.`],
  };
}

function catchUpTable(results: readonly CatchUpResult[]): Table {
  return {
    title: 'Catching up, s from the start of what was away',
    rows: [
      ['away', 'for, s', 'slots', 'MB/s', 'slotcast', "PostgreSQL's slot sync", 'WAL replayed'],
      ...results.map((result) => [
        result.away,
        String(result.awaySeconds),
        String(result.slots),
        figure(result.load.mbPerSecond),
        figure(result.slotcastSeconds),
        figure(result.nativeSeconds),
        figure(result.replayedSeconds),
      ]),
    ],
    notes: [],
  };
}

function idleTable(loads: readonly IdleLoad[]): Table {
  return {
    title: 'At rest',
    rows: [
      ['', 'RSS MB', 'peak RSS MB', '% of a core', '% of a core, its sessions'],
      ...loads.flatMap(({ slots, loads: { publisher, consumer, servers } }) => {
        const what = slots === 1 ? '1 slot' : `${slots} slots`;
        return [
          [
            `publisher, ${what}`,
            ...[publisher.rssMb, publisher.peakRssMb, publisher.cpuPercent].map(figure),
            figure(servers.primary?.services ?? 0),
          ],
          [
            `consumer, ${what}`,
            ...[consumer.rssMb, consumer.peakRssMb, consumer.cpuPercent].map(figure),
            figure(servers.standby?.services ?? 0),
          ],
        ];
      }),
    ],
    notes: loads.map(
      (load) =>
        `${load.readySlots} of ${load.slots} slots were ready after ${figure(load.readyAfterSeconds)} s, up to date ${figure(load.equalAfterSeconds)} s after the last move.`,
    ),
  };
}

function replayTable(result: ReplayResult): Table {
  const row = (name: string, seconds: number): string[] => [
    name,
    figure(seconds),
    figure(result.records / 1000 / seconds),
  ];
  return {
    title: `Reading a slots topic of ${result.records} records of ${result.slots} slots from its beginning`,
    rows: [
      ['', 's', 'thousand records/s'],
      row('slotcast consumer, from the start of its process until it goes to work', result.consumerSeconds),
      row('reading alone', result.readSeconds),
      row('reading and decoding', result.decodeSeconds),
      row(`${result.other.tool}, the whole process`, result.other.seconds),
    ],
    notes: [`The consumer had ${figure(result.consumerPeakRssMb)} MB resident at most.`],
  };
}

function promotionTable(results: readonly PromotionResult[]): Table {
  return {
    title: 'Promotion with slots in two databases, ms from the return of pg_promote(), p50 of the rounds',
    rows: [
      [
        '',
        'rounds',
        'pg_promote()',
        'slots not in place then',
        'last slot in place',
        'hand-off on record',
        'the slowest',
      ],
      ...results.map(({ slots, moved, failover, walMb, rounds, recordedMs }) => [
        `${slots} slots${failover ? ' with failover' : ''}, ${moved ? 'all moved over' : 'at rest before'} ${walMb} MB`,
        String(rounds.length),
        p50(rounds, (round) => round.promoteMs),
        p50(rounds, (round) => round.behind),
        p50(rounds, (round) => round.placedMs),
        figure(recordedMs.p50),
        figure(recordedMs.max),
      ]),
    ],
    notes: [],
  };
}

function p50(rounds: readonly PromotionRound[], of: (round: PromotionRound) => number): string {
  return figure(summarize(rounds.map(of)).p50);
}
