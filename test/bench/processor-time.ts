import { readFile } from 'node:fs/promises';
import type { PostgresServer } from '@slotcast/testkit';

/** Linux reports processor time to user programs in this unit (USER_HZ) on every architecture that the tests run on. */
const TICK_MS = 10;

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

/** Processor time of a process so far, in user and in kernel mode, in milliseconds. Throws when there is no such process. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the command, in parentheses, may hold blanks. utime and stime are fields 14 and 15, the name is field 2.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) {
    throw new Error(`/proc/${pid}/stat is not as expected: ${stat}`);
  }
  return ticks * TICK_MS;
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

/** Process ids of the sessions that the services have on a server. */
export async function sessionsOfServices(server: PostgresServer): Promise<readonly number[]> {
  const rows = await server.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name like 'slotcast-%'",
  );
  return rows.map((row) => row.pid);
}
