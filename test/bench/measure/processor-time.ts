import { readFile } from 'node:fs/promises';
import { parseProcessTimes } from './process-stat.ts';

/** Memory of a process in MB of 10^6 bytes. */
export interface MemoryUse {
  /** Resident now (VmRSS). */
  readonly rssMb: number;
  /** The most that was ever resident (VmHWM). */
  readonly peakRssMb: number;
}

/** Reads `/proc/<pid>/status`. Throws when there is no such process. */
export async function memoryUse(pid: number): Promise<MemoryUse> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string): number => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kibibytes === undefined) {
      throw new Error(`/proc/${pid}/status has no ${field}`);
    }
    return (Number(kibibytes) * 1024) / 1e6;
  };
  return { rssMb: megabytes('VmRSS'), peakRssMb: megabytes('VmHWM') };
}

/** Processor time of a process so far in milliseconds. Throws when there is no such process. */
export async function processorMs(pid: number): Promise<number> {
  return parseProcessTimes(await readFile(`/proc/${pid}/stat`, 'utf8')).ownMs;
}

/** Processor time of the whole machine since its start, in ticks. */
export interface MachineTime {
  readonly busy: number;
  readonly total: number;
}

export async function machineTime(): Promise<MachineTime> {
  const [line] = (await readFile('/proc/stat', 'utf8')).split('\n');
  // cpu user nice system idle iowait irq softirq steal; guest times are part of user and nice.
  const ticks = (line ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

/** Share of all cores that was in use between two moments, by whomever. */
export function busyPercent(from: MachineTime, to: MachineTime): number {
  return (100 * (to.busy - from.busy)) / Math.max(1, to.total - from.total);
}
