import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeMemory, type StateFile } from '@slotcast/hand-off';
import { createLogger } from '@slotcast/observability';

/** A file, and a clock by which the memory is stopped after so many looks at it. */
class Kept implements StateFile {
  readonly written: string[] = [];
  text: string;

  constructor(text: string) {
    this.text = text;
  }

  read(): Promise<string> {
    return Promise.resolve(this.text);
  }

  write(text: string): Promise<void> {
    this.written.push(text);
    this.text = text;
    return Promise.resolve();
  }
}

async function looks(stateFile: Kept, isOver: () => boolean, times = 3): Promise<string[]> {
  const stop = new AbortController();
  const warnings: string[] = [];
  const stream = { write: (line: string) => void warnings.push(line) };
  let nowMs = 0;
  let left = times;
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms: number) => {
      nowMs += Math.max(ms, 10_000);
      left -= 1;
      if (left === 0) {
        stop.abort();
      }
      return Promise.resolve();
    },
  };
  const logger = createLogger({ level: 'warn', fields: {}, stream });
  const memory = new NodeMemory({ node: 's1', cluster: 'c', stateFile, clock, logger });
  await memory.run(
    () => undefined,
    () => assert.fail('nothing was kept'),
    isOver,
    stop.signal,
  );
  return warnings;
}

test('what is of no use any more is emptied once, and what is empty is nothing to be warned of', {
  timeout: 10_000,
}, async () => {
  const kept = new Kept('what a standby knew');
  assert.deepEqual(await looks(kept, () => true), []);
  assert.deepEqual(kept.written, ['']);
  assert.deepEqual(await looks(kept, () => false), []);
  assert.deepEqual(kept.written, ['']);
});

test('what is still of use is left as it is, also when nobody understands it', {
  timeout: 10_000,
}, async () => {
  const kept = new Kept('what a standby knew');
  assert.equal((await looks(kept, () => false)).length, 1);
  assert.deepEqual(kept.written, []);
});
