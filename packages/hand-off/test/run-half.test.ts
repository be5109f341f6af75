import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RoleEvent } from '@slotcast/domain';
import { runHalf } from '@slotcast/hand-off';
import { SlotcastError, systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';

const options = { timeout: 5_000 };
const logger = createLogger({ level: 'silent', fields: {} });

/** Runs a half until it ends; tells what its role was told, and whether the watch went along. */
async function run(attempt: (stop: AbortController) => Promise<void>) {
  const events: RoleEvent[] = [];
  const watch: string[] = [];
  const stop = new AbortController();
  const attend = async (_report: unknown, signal: AbortSignal): Promise<void> => {
    watch.push('begun');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    watch.push('ended');
  };
  const running = runHalf({
    promotion: { attend },
    report: (event) => events.push(event),
    attempt: () => attempt(stop),
    explain: (error) => error,
    onFailure: () => stop.abort(),
    clock: systemClock,
    logger,
    signal: stop.signal,
  });
  const error: unknown = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { events, watch, error };
}

describe('a half of a node', () => {
  test('that is stopped ends with its watch', options, async () => {
    const { events, watch, error } = await run((stop) => Promise.resolve(stop.abort()));
    assert.deepEqual([events, watch, error], [['stop'], ['begun', 'ended'], undefined]);
  });

  test('that has failed tells so, and is stopped all the same', options, async () => {
    const { events, error } = await run(() => Promise.reject(new Error('no server')));
    assert.deepEqual([events, error], [['failed', 'stop'], undefined]);
  });

  test('that is refused tells so, and ends with its watch', options, async () => {
    const refusal = new SlotcastError('SC_SPLIT_BRAIN', 'two servers');
    const { events, watch, error } = await run(() => Promise.reject(refusal));
    assert.deepEqual([events, watch, error], [['refused'], ['begun', 'ended'], refusal]);
  });
});
