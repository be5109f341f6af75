import type { Part } from './bench-options.ts';
import type { LagResult } from './lag-part.ts';
import type { IdleLoad } from './memory-part.ts';
import type { PromotionResult } from './promotion-part.ts';
import type { SilenceResult } from './silence-part.ts';

const RATIO_LIMIT = 0.3;
const SILENCE_RATIO_LIMIT = 0.05;
const RSS_LIMIT_MB = 120;
const IDLE_CPU_LIMIT_PERCENT = 3;
const HAND_OFF_LIMIT_MS = 500;

/** One figure that has a target. */
export interface Target {
  readonly part: Part;
  readonly name: string;
  readonly value: number;
  /** The most it may be. */
  readonly limit: number;
  readonly unit: 'x' | 'MB' | '%' | 'ms';
  readonly met: boolean;
}

export interface Environment {
  readonly startedAt: string;
  readonly postgres: string;
  readonly node: string;
  readonly cores: number;
  /** Load of the machine over the last minute before the start: what others did. */
  readonly loadBefore: number;
}

export interface Report {
  readonly environment: Environment;
  readonly lag?: LagResult;
  readonly silence?: SilenceResult;
  readonly many?: LagResult;
  readonly memory?: readonly IdleLoad[];
  readonly promotion?: readonly PromotionResult[];
  /** Share of all cores that was in use during a part, by the benchmark, its servers and everybody else. */
  readonly machineBusyPercent: Readonly<Partial<Record<Part, number>>>;
  /** Parts that failed to run. */
  readonly failures: readonly { readonly part: Part; readonly message: string }[];
}

/** Compares the figures that are there with their targets. */
export function targets(report: Report): readonly Target[] {
  const found: Omit<Target, 'met'>[] = [];
  if (report.lag !== undefined) {
    const value = report.lag.ratioP50;
    found.push({ part: 'lag', name: 'p50 lag, of that of PostgreSQL', value, limit: RATIO_LIMIT, unit: 'x' });
  }
  if (report.silence !== undefined) {
    const value = report.silence.ratioP50;
    const name = 'first move after silence, of that of PostgreSQL';
    found.push({ part: 'silence', name, value, limit: SILENCE_RATIO_LIMIT, unit: 'x' });
  }
  const largest = report.memory?.at(-1);
  for (const idle of report.memory ?? []) {
    for (const service of ['publisher', 'consumer'] as const) {
      const { rssMb, cpuPercent } = idle[service];
      const subject = `${service}, ${idle.slots} slots at rest`;
      if (idle === largest) {
        found.push({
          part: 'memory',
          name: `RSS of ${subject}`,
          value: rssMb,
          limit: RSS_LIMIT_MB,
          unit: 'MB',
        });
      }
      const cpu = { name: `CPU of ${subject}`, value: cpuPercent, limit: IDLE_CPU_LIMIT_PERCENT };
      found.push({ part: 'memory', ...cpu, unit: '%' });
    }
  }
  for (const { slots, moved, handedOverMs } of report.promotion ?? []) {
    const name = `p50 of the hand-off of ${slots} slots ${moved ? 'that have moved' : 'at rest'}`;
    found.push({ part: 'promotion', name, value: handedOverMs.p50, limit: HAND_OFF_LIMIT_MS, unit: 'ms' });
  }
  return found.map((target) => ({ ...target, met: target.value <= target.limit }));
}

/** The report as an object for programs, with the targets. */
export function reportAsJson(report: Report): string {
  return `${JSON.stringify({ ...report, targets: targets(report) }, rounded, 2)}\n`;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}
