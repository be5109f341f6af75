import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ManagedProcess } from './child-process.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { childrenOf, hasEnded, signalProcess } from './process-tree.ts';
import { waitUntil } from './wait-until.ts';

const run = promisify(execFile);

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

/** How to stop a server: `fast` ends in a shutdown checkpoint, `immediate` like a crash without SIGKILL. */
export type StopMode = 'fast' | 'immediate';

export interface PostmasterOptions {
  readonly binaries: PostgresBinaries;
  readonly dataFolder: string;
  readonly logFile: string;
}

/** The lines of `postmaster.pid` that matter here (PostgreSQL source: miscadmin.h, LOCK_FILE_LINE_*). */
interface LockFile {
  readonly pid: number;
  /** The identifier of the System V shared memory segment. */
  readonly sharedMemoryId: string | undefined;
  readonly status: string | undefined;
}

/** The processes of one server: the postmaster and its children on one data folder. */
export class Postmaster {
  readonly #options: PostmasterOptions;
  #process: ManagedProcess | undefined;

  constructor(options: PostmasterOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#process?.isRunning === true;
  }

  /** Starts the server and waits until it accepts connections. Throws with the end of its log when it does not. */
  async start(): Promise<void> {
    if (this.isRunning) {
      throw new Error(`The server in ${this.#options.dataFolder} is running already`);
    }
    const { binaries, dataFolder, logFile } = this.#options;
    const started = await ManagedProcess.start({
      command: binaries.postgres,
      arguments: ['-D', dataFolder],
      folder: dataFolder,
      logFile,
      ...(binaries.user === undefined ? {} : { user: binaries.user }),
    });
    this.#process = started;
    try {
      await waitUntil(
        async () => {
          if (!started.isRunning) {
            throw new Error(`postgres ended with exit code ${started.exitCode ?? started.signalCode}`);
          }
          const lockFile = await this.#lockFile();
          // "standby" is a server that recovers but, with hot_standby off, admits nobody.
          return lockFile?.pid === started.pid && ['ready', 'standby'].includes(lockFile.status ?? '');
        },
        { timeoutMs: START_TIMEOUT_MS, intervalMs: 10, describe: 'the server to accept connections' },
      );
    } catch (cause) {
      throw new Error(
        `Could not start PostgreSQL in ${dataFolder}; its log ends with:\n${await this.#logTail()}`,
        {
          cause,
        },
      );
    }
  }

  /** Stops the server in order; does nothing when it is not running. */
  async stop(mode: StopMode): Promise<void> {
    const running = this.#process;
    if (running?.isRunning !== true) {
      return;
    }
    await this.resume();
    await running.stop(mode === 'fast' ? 'SIGINT' : 'SIGQUIT', STOP_TIMEOUT_MS);
  }

  /** Ends all processes of the server with SIGKILL, as when its machine loses power, and waits until they are gone. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running?.isRunning !== true) {
      return;
    }
    // A stopped postmaster forks no more children, so that none is missed.
    running.signal('SIGSTOP');
    const lockFile = await this.#lockFile();
    const family = [running.pid, ...(await childrenOf(running.pid))];
    for (const pid of family) {
      signalProcess(pid, 'SIGKILL');
    }
    await running.waitForExit();
    await waitUntil(async () => (await Promise.all(family.map(hasEnded))).every(Boolean), {
      intervalMs: 5,
      describe: `the end of the processes ${family.join(', ')} of a killed server`,
    });
    if (lockFile?.sharedMemoryId !== undefined) {
      // A killed postmaster cannot return its segment, and nobody would if the server is never started again.
      await run('ipcrm', ['-m', lockFile.sharedMemoryId]);
    }
  }

  /** Halts all processes of the server with SIGSTOP: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    await this.#signalAll('SIGSTOP');
  }

  /** Lets a server go on that was halted by `pause`. */
  async resume(): Promise<void> {
    await this.#signalAll('SIGCONT');
  }

  async #signalAll(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    if (running?.isRunning === true) {
      running.signal(signal);
      for (const pid of await childrenOf(running.pid)) {
        signalProcess(pid, signal);
      }
    }
  }

  async #lockFile(): Promise<LockFile | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.#options.dataFolder, 'postmaster.pid'), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
    const lines = text.split('\n').map((line) => line.trim());
    return {
      pid: Number(lines[0]),
      sharedMemoryId: lines[6]?.split(/\s+/)[1],
      status: lines[7],
    };
  }

  async #logTail(): Promise<string> {
    const log = await readFile(this.#options.logFile, 'utf8');
    return log.split('\n').slice(-30).join('\n');
  }
}
