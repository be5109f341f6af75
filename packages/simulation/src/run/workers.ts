import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SearchHost, SearchOptions } from './search.ts';
import { sum, type Totals } from './totals.ts';
import type { WorkerMessage } from './worker-message.ts';

const MAIN = fileURLToPath(new URL('worker-main.ts', import.meta.url));
/** As `npm run simulate` runs it. The sources are compiled as they are loaded; a history leaves much short-lived data. */
const LOADING = ['--max-semi-space-size=64', '--conditions=source', '--import', 'tsx'];

/**
 * Shares a search among processes: each takes every n-th seed, so none is run twice, and a history is the same with any number of them. When one has
 * found what ends the search, the others end after the history that they are in.
 */
export async function searchInProcesses(
  options: SearchOptions,
  { workers, say }: Pick<SearchHost, 'say'> & { readonly workers: number },
): Promise<Totals> {
  const all = Array.from({ length: workers }, () => startWorker());
  const stop = (found: Totals): Totals => {
    if (found.failed > 0 && !options.goesOn) {
      all.forEach(stopWorker);
    }
    return found;
  };
  const ended = all.map(async (worker, index) => {
    const share = {
      ...options,
      seed: options.seed + index * options.stride,
      stride: options.stride * workers,
    };
    return stop(await runWorker(worker, share, say));
  });
  try {
    return sum(await Promise.all(ended));
  } finally {
    all.forEach(stopWorker);
  }
}

function startWorker(): ChildProcess {
  return spawn(process.execPath, [...LOADING, MAIN], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function stopWorker(worker: ChildProcess): void {
  if (worker.connected) {
    // One that has just ended by itself cannot be told any more.
    worker.send('stop', () => undefined);
  }
}

/** Rejects when the process ends without a result. */
function runWorker(
  worker: ChildProcess,
  options: SearchOptions,
  say: (text: string) => void,
): Promise<Totals> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'say') {
        say(message.text);
      } else {
        resolve(message.totals);
      }
    });
    worker.once('error', reject);
    worker.once('exit', (code, signal) => {
      reject(new Error(`a process of the search has ended (${signal ?? code}) before it was done`));
    });
    worker.send(options);
  });
}
