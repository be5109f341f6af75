import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The watchdog of one test process. Its standard input is a pipe that the kernel closes when the test process ends, by
 * whatever means, SIGKILL included. Then every process whose working folder lies in the run folder is ended and the
 * folder removed. The working folder is the mark because it needs no list that could be out of date, and because a
 * process id that was used again can never be mistaken.
 *
 * PostgreSQL gets SIGQUIT first, so that the postmaster can return its System V shared memory; SIGCONT wakes servers
 * that a test had stopped.
 */
const WATCHDOG = `
trap '' INT TERM HUP QUIT
cat >/dev/null
members() {
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd" 2>/dev/null)" in
      "$1"/*) echo "\${process#/proc/}" ;;
    esac
  done
}
for pid in $(members "$1"); do
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ]; then
    kill -QUIT "$pid" 2>/dev/null
    kill -CONT "$pid" 2>/dev/null
  else
    kill -KILL "$pid" 2>/dev/null
  fi
done
looks=0
while [ -n "$(members "$1")" ] && [ "$looks" -lt 50 ]; do
  looks=$((looks + 1))
  sleep 0.1
done
for pid in $(members "$1"); do
  kill -KILL "$pid" 2>/dev/null
done
rm -rf -- "$1"
`;

let runFolder: string | undefined;

/**
 * The folder that holds everything this test process makes on disk. It vanishes, and with it every process that works
 * inside it, when the test process ends.
 */
export function processRunFolder(): string {
  if (runFolder === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'slotcast-testkit-'));
    // Servers run as another user when the tests run as root, so they must be able to pass through.
    chmodSync(folder, 0o755);
    const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'slotcast-testkit-watchdog', folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    watchdog.once('error', (cause) => {
      rmSync(folder, { recursive: true, force: true });
      throw new Error('Could not start /bin/sh as the watchdog of the test processes', { cause });
    });
    watchdog.unref();
    if ('unref' in watchdog.stdin && typeof watchdog.stdin.unref === 'function') {
      watchdog.stdin.unref();
    }
    runFolder = folder;
  }
  return runFolder;
}

/**
 * A new, empty folder that others may pass through, inside the run folder of this process: remove it when done, or
 * leave that to the end of the process.
 */
export async function temporaryFolder(prefix: string): Promise<string> {
  const folder = await mkdtemp(join(processRunFolder(), `${prefix}-`));
  await chmod(folder, 0o755);
  return folder;
}
