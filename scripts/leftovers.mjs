/** What a run leaves behind: its processes and temporary folders. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Reads something of a process; empty when the process is gone or belongs to somebody else. */
function ofProcess(read) {
  try {
    return read();
  } catch {
    return '';
  }
}

/**
 * The running processes whose working folder lies in `folder`, or whose environment holds `mark`: PostgreSQL overwrites its
 * environment with its title, and services of a test may work anywhere.
 */
export function processesOf({ folder, mark }) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const workingFolder = ofProcess(() => readlinkSync(`/proc/${name}/cwd`));
      const environment = ofProcess(() => readFileSync(`/proc/${name}/environ`, 'utf8'));
      if (!workingFolder.startsWith(`${folder}/`) && !environment.split('\0').includes(mark)) {
        return [];
      }
      const command = ofProcess(() => readFileSync(`/proc/${name}/cmdline`, 'utf8'))
        .replaceAll('\0', ' ')
        .trim();
      return [{ pid: Number(name), command }];
    });
}

/** The folders of the test kit that are still there. */
export function foldersIn(folder) {
  return readdirSync(folder)
    .filter((name) => name.startsWith('slotcast-'))
    .map((name) => join(folder, name));
}
