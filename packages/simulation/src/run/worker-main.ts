/** Searches with the options that its parent sends, until the parent sends something else or has gone. */
import { type SearchOptions, search } from './search.ts';
import type { WorkerMessage } from './worker-message.ts';

let isStopped = false;

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

async function run(options: SearchOptions): Promise<void> {
  const say = (text: string): void => tell({ kind: 'say', text });
  const totals = await search(options, { say, isStopped: () => isStopped });
  tell({ kind: 'end', totals });
  process.disconnect();
}

process.once('message', (options: SearchOptions) => {
  process.once('message', () => {
    isStopped = true;
  });
  process.once('disconnect', () => {
    isStopped = true;
  });
  void run(options);
});
