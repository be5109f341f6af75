import type { Part, PartResults } from '../parts/parts.ts';
import { targets } from './targets.ts';

/** The machine, and what ran on it. */
export interface Environment {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly postgres: string;
  readonly kafka: string;
  readonly node: string;
  readonly cores: number;
  readonly memoryGb: number;
  /** Load of the machine over the last minute before the start: what others did. */
  readonly loadBefore: number;
}

/** What a part was measured under. */
export interface Conditions {
  readonly environment: Environment;
  /** What the part took, with all that was prepared for it. */
  readonly seconds: number;
  /** Share of all cores that was in use, by the benchmark, its servers and everybody else. */
  readonly machineBusyPercent: number;
}

/** What is known of each part that was measured. */
export interface Results {
  readonly parts: Partial<PartResults>;
  readonly conditions: Readonly<Partial<Record<Part, Conditions>>>;
}

export interface Report extends Results {
  /** Parts that failed to run. */
  readonly failures: readonly { readonly part: Part; readonly message: string }[];
}

/** The newer results, and of the older ones the parts that were not measured again. */
export function mergeResults(older: Results, newer: Results): Results {
  return {
    parts: { ...older.parts, ...newer.parts },
    conditions: { ...older.conditions, ...newer.conditions },
  };
}

/** The report as an object for programs, with the targets. */
export function reportAsJson(report: Report): string {
  return `${JSON.stringify({ ...report, targets: targets(report.parts) }, rounded, 2)}\n`;
}

/** What is kept in the repository. */
export function resultsAsJson(results: Results): string {
  return `${JSON.stringify({ parts: results.parts, conditions: results.conditions }, rounded, 2)}\n`;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}
