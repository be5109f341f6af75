import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { processRunFolder } from './run-folder.ts';
import { waitUntil } from './wait-until.ts';

/** A user of the operating system by number. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

export interface ChildProcessOptions {
  readonly command: string;
  readonly arguments: readonly string[];
  /** Working folder; must lie in `temporaryFolder()`, because by that the process is found when the tests die. */
  readonly folder: string;
  /** Standard output and standard error are appended to this file. */
  readonly logFile: string;
  /** The whole environment of the child; that of this process by default. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Whose rights it runs with; this process's own by default. */
  readonly user?: SystemUser;
}

/**
 * A long-running child process with its output in a file. It does not keep the test process alive, and does not
 * outlive it.
 */
export class ManagedProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logFile: string;

  private constructor(child: ChildProcess, pid: number, logFile: string) {
    this.#child = child;
    this.pid = pid;
    this.#logFile = logFile;
  }

  /** Starts the process. Throws when its file cannot be run or `folder` is not inside the run folder. */
  static async start(options: ChildProcessOptions): Promise<ManagedProcess> {
    if (!options.folder.startsWith(`${processRunFolder()}/`)) {
      throw new Error(
        `Cannot start ${options.command} in ${options.folder}: its folder must come from temporaryFolder()`,
      );
    }
    const log = await open(options.logFile, 'a');
    try {
      const child = spawn(options.command, options.arguments, {
        cwd: options.folder,
        // A session of its own keeps a Ctrl-C at the terminal from reaching it before its owner can end it in order.
        detached: true,
        env: options.environment ?? process.env,
        stdio: ['ignore', log.fd, log.fd],
        ...options.user,
      });
      await once(child, 'spawn');
      if (child.pid === undefined) {
        throw new Error(`${options.command} was started but has no process id`);
      }
      child.unref();
      return new ManagedProcess(child, child.pid, options.logFile);
    } finally {
      await log.close();
    }
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The exit code; `undefined` while it runs or when a signal ended it. */
  get exitCode(): number | undefined {
    return this.#child.exitCode ?? undefined;
  }

  /** The signal that ended it, if one did. */
  get signalCode(): NodeJS.Signals | undefined {
    return this.#child.signalCode ?? undefined;
  }

  /** Everything it wrote to standard output and standard error. */
  log(): Promise<string> {
    return readFile(this.#logFile, 'utf8');
  }

  /** Sends a signal; nothing happens when the process is gone already. */
  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) {
      this.#child.kill(signal);
    }
  }

  /** Waits until the process has ended by itself or by a signal. Throws after `timeoutMs`. */
  async waitForExit(timeoutMs = 60_000): Promise<void> {
    await waitUntil(() => !this.isRunning, {
      timeoutMs,
      intervalMs: 5,
      describe: `the end of process ${this.pid} (${this.#child.spawnfile})`,
    });
  }

  /** Asks it to end, waits, and kills it when it does not within `timeoutMs`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 10_000): Promise<void> {
    this.signal(signal);
    try {
      await this.waitForExit(timeoutMs);
    } catch (error) {
      this.signal('SIGKILL');
      await this.waitForExit();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.waitForExit();
  }
}
