import { type ChildProcess, spawn } from 'node:child_process';
import { PROGRAM } from './program.ts';

/** How a command ended and what it printed. */
export interface CommandResult {
  /** `null` when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of `slotcast` as a user does, with these settings and nothing else of this process's environment but the path. */
export function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  onOutput: (stdout: string, child: ChildProcess) => void = () => undefined,
): Promise<CommandResult> {
  const { PATH = '', NODE_V8_COVERAGE = '' } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A use of something deprecated, in libraries too, ends the process instead of warning its user.
    env: {
      PATH,
      NODE_OPTIONS: '--throw-deprecation',
      ...(NODE_V8_COVERAGE === '' ? {} : { NODE_V8_COVERAGE }),
      ...environment,
    },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
