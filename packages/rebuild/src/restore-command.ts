import { spawn } from 'node:child_process';
import { Deadline, SlotcastError } from '@slotcast/kernel';
import { systemCode } from './file-error.ts';

export interface RestoreCommand {
  /** As `restore_command` of PostgreSQL: `%f` the file, `%p` where to put it, `%r` the oldest file that recovery needs, `%%` a percent sign. */
  readonly command: string;
  /** It is ended with all that it has started after so many milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface RestoreRun {
  /** `%f`. */
  readonly file: string;
  /** `%p`, relative to the data folder. */
  readonly target: string;
  /** `%r`. */
  readonly oldest: string;
  /** Where it runs. */
  readonly dataFolder: string;
  /** As whom it runs, where this process is root. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** How much of what it says is kept. */
const OUTPUT_BYTES = 2000;

/** Throws SC_USAGE on a placeholder that PostgreSQL does not have. */
export function fillRestoreCommand(
  command: string,
  { file, target, oldest }: Pick<RestoreRun, 'file' | 'target' | 'oldest'>,
): string {
  const values: Readonly<Record<string, string>> = { f: file, p: target, r: oldest, '%': '%' };
  return command.replace(/%(.?)/gs, (placeholder, letter: string) => {
    const value = values[letter];
    if (value === undefined) {
      throw new SlotcastError(
        'SC_USAGE',
        `the restore command ${JSON.stringify(command)} has ${JSON.stringify(placeholder)}, and only %f, %p, %r and %% stand for something`,
      );
    }
    return value;
  });
}

/** Runs the command once. Returns why it failed; `undefined` when it says that it did not. */
export async function runRestoreCommand(
  restore: RestoreCommand,
  run: RestoreRun,
): Promise<string | undefined> {
  using deadline = new Deadline(restore.signal, restore.timeoutMs);
  const child = spawn('/bin/sh', ['-c', fillRestoreCommand(restore.command, run)], {
    cwd: run.dataFolder,
    // A group of its own, so that what it starts can be ended with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(process.getuid?.() === 0 ? { uid: run.owner.uid, gid: run.owner.gid } : {}),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_BYTES);
    });
  }
  const end = (): void => {
    if (child.pid !== undefined) {
      killGroup(child.pid);
    }
    // What has left the group may hold them open.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  deadline.signal.addEventListener('abort', end, { once: true });
  if (deadline.signal.aborted) {
    end();
  }
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `it ended with ${code === null ? signal : `exit code ${code}`}`),
    );
  });
  restore.signal.throwIfAborted();
  if (deadline.expired) {
    return `it was not done within ${restore.timeoutMs} ms, and was ended`;
  }
  const said = output.trim().split('\n').at(-1);
  return outcome === undefined || said === undefined || said === '' ? outcome : `${outcome}: ${said}`;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // Its end may have been first.
    if (systemCode(error) !== 'ESRCH') {
      throw error;
    }
  }
}
