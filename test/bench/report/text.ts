import { PARTS } from '../parts/parts.ts';
import { figure } from './figure.ts';
import { partTables, targetTable } from './part-tables.ts';
import type { Environment, Report } from './results.ts';
import { tableAsText } from './table.ts';
import { targets } from './targets.ts';

/** The report for people. */
export function reportAsText(report: Report): string {
  const all = targets(report.parts);
  return [
    ...environmentLines(report),
    ...partTables(report.parts).map(tableAsText),
    ...(all.length === 0 ? [] : [tableAsText(targetTable(all))]),
    ...report.failures.map(({ part, message }) => `FAILED TO RUN ${part}: ${message}\n`),
  ].join('\n');
}

export function describeEnvironment(environment: Environment): string {
  const { postgres, kafka, node, cores, memoryGb } = environment;
  return `PostgreSQL ${postgres} with fsync, Kafka ${kafka}, Node ${node}, ${cores} cores, ${figure(memoryGb)} GB of memory`;
}

function environmentLines(report: Report): readonly string[] {
  const measured = PARTS.flatMap((part) => {
    const conditions = report.conditions[part];
    return conditions === undefined ? [] : [{ part, ...conditions }];
  });
  const [first] = measured;
  if (first === undefined) {
    return [];
  }
  const shares = measured.map(
    ({ part, machineBusyPercent, seconds }) =>
      `${part} ${figure(machineBusyPercent)} % (${figure(seconds)} s)`,
  );
  return [
    `${describeEnvironment(first.environment)}, ${first.environment.startedAt}\n`,
    `Load of the machine before the start: ${figure(first.environment.loadBefore)}. Where others use the machine too, compare ratios.\n`,
    `The whole machine was in use: ${shares.join(', ')}\n`,
  ];
}
