import { readdir, readFile } from 'node:fs/promises';

interface ProcessState {
  readonly parentPid: number;
  readonly isZombie: boolean;
}

/** Reads `/proc/<pid>/stat`; `undefined` when there is no such process any more. */
async function processState(pid: number): Promise<ProcessState | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
  // The command name stands in parentheses and may itself contain any character, so count from the last one.
  const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parentPid: Number(parentPid), isZombie: state === 'Z' || state === 'X' };
}

/** The process ids of the direct children of a process, as Linux shows them now. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const candidates = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const states = await Promise.all(
    candidates.map(async (candidate) => ({ candidate, state: await processState(candidate) })),
  );
  return states.flatMap(({ candidate, state }) => (state?.parentPid === pid ? [candidate] : []));
}

/** Whether a process has ended; a zombie, which only waits for its parent to take note, has. */
export async function hasEnded(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state === undefined || state.isZombie;
}

/** Sends a signal to a process that may be gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
      throw error;
    }
  }
}
