import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * The arguments of Node.js that run the command line: as it was built by `npm test`, which has just done so; from source in any other run, as
 * the build may be old then. From source a start takes five times as long.
 */
export const cliArguments: readonly string[] =
  process.env['SLOTCAST_TEST_PROGRAM'] === undefined
    ? ['--conditions=source', '--import', 'tsx', fileURLToPath(new URL('../src/main.ts', import.meta.url))]
    : [process.env['SLOTCAST_TEST_PROGRAM']];

export interface CliResult {
  /** `null` when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Settings; nothing of this process's own environment but PATH and HOME is handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with all of stdout so far whenever more came. */
  readonly onOutput?: (stdout: string, child: ChildProcess) => void;
}

/** Runs the command line as a process of its own and resolves when it has ended. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [...cliArguments, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, ...options.env },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.onOutput?.(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
