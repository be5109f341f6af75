import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Clock, type LogLevel, SlotcastError, supervise } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';

const timeout = 5000;

/** A clock whose sleeps end at once and are noted. */
function instantClock(slept: number[]): Clock & { readonly slept: number[] } {
  return {
    slept,
    now: () => 0,
    monotonicMs: () => slept.reduce((sum, ms) => sum + ms, 0),
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
}

async function run(
  attempt: (count: number, progressed: () => void, stop: () => void) => Promise<void>,
  slept: number[] = [],
) {
  const clock = instantClock(slept);
  const stop = new AbortController();
  const failures: string[] = [];
  let count = 0;
  await supervise({
    attempt: (progressed) => {
      count += 1;
      return attempt(count, progressed, () => stop.abort());
    },
    explain: (error) => error,
    onFailure: (message) => failures.push(message),
    clock,
    random: () => 0,
    logger: createLogger({ level: 'silent', fields: {} }),
    signal: stop.signal,
  });
  return { slept: clock.slept, failures };
}

test('attempts are repeated with growing pauses until the signal is aborted', { timeout }, async () => {
  const { slept, failures } = await run(async (count, _progressed, stop) => {
    if (count === 4) {
      stop();
    }
    throw new Error(`failure ${count}`);
  });
  assert.deepEqual(failures, ['failure 1', 'failure 2', 'failure 3']);
  assert.deepEqual(slept, [100, 200, 400]);
});

test('progress lets the pauses begin anew', { timeout }, async () => {
  const { slept } = await run(async (count, progressed, stop) => {
    if (count === 3) {
      progressed();
    }
    if (count === 5) {
      stop();
    }
    throw new Error('again');
  });
  assert.deepEqual(slept, [100, 200, 100, 200]);
});

test('an error that a restart will not fix ends it', { timeout }, async () => {
  const refused = new SlotcastError('SC_TOPIC_MISSING', 'no such topic');
  await assert.rejects(
    run(() => Promise.reject(refused)),
    refused,
  );
});

/** The lines about one failed attempt whose cause says the same as the error that explains it. */
async function linesOfFailure(level: LogLevel): Promise<readonly string[]> {
  const lines: string[] = [];
  const stop = new AbortController();
  const cause = new Error('no broker answered at kafka1:9092');
  await supervise({
    attempt: () => Promise.reject(cause),
    explain: () => new SlotcastError('SC_KAFKA_UNREACHABLE', cause.message, { cause }),
    onFailure: () => undefined,
    clock: {
      ...instantClock([]),
      sleep: async () => stop.abort(),
    },
    random: () => 0,
    logger: createLogger({ level, fields: {}, stream: { write: (line) => lines.push(line) } }),
    signal: stop.signal,
  });
  return lines;
}

test('a failed attempt is one line with the text once, code and remedy', { timeout }, async () => {
  const lines = await linesOfFailure('info');
  assert.equal(lines.length, 1);
  const { time: _, ...line } = parsed(lines[0]);
  assert.deepEqual(line, {
    level: 'info',
    code: 'SC_KAFKA_UNREACHABLE',
    error: 'no broker answered at kafka1:9092',
    remedy: new SlotcastError('SC_KAFKA_UNREACHABLE', '').remedy,
    failures: 1,
    retryInMs: 100,
    msg: 'failed, will try again',
  });
});

test('at level debug the stacks of a failed attempt are there, too', { timeout }, async () => {
  const [line] = await linesOfFailure('debug');
  assert.match(
    String(parsed(line)['stack']),
    /supervise\.test[^]*caused by: Error: no broker[^]*supervise\.test/,
  );
});

function parsed(line: string | undefined): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line ?? '');
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}

function refusal(): SlotcastError {
  return new SlotcastError('SC_POSTGRES_DENIED', 'no such role', { mayPass: true });
}

describe('a refusal that may pass', { timeout }, () => {
  test('is tried again for five minutes, and ends it then', async () => {
    let attempts = 0;
    const slept: number[] = [];
    await assert.rejects(
      run(() => {
        attempts += 1;
        return Promise.reject(refusal());
      }, slept),
      { code: 'SC_POSTGRES_DENIED', exitCode: 78 },
    );
    assert.equal(
      slept.reduce((sum, ms) => sum + ms, 0),
      300_000,
    );
    assert.ok(attempts > 30, `${attempts} attempts`);
  });

  test('has its five minutes anew after progress, and after another failure', async () => {
    for (const interruption of ['progress', 'failure']) {
      let attempts = 0;
      const slept: number[] = [];
      const refused = run((count, progressed, stop) => {
        attempts = count;
        if (count === 120 && interruption === 'progress') {
          progressed();
        }
        if (count === 240) {
          stop();
        }
        return Promise.reject(count === 120 && interruption === 'failure' ? new Error('away') : refusal());
      }, slept);
      await refused;
      assert.equal(attempts, 240, interruption);
      assert.ok(slept.reduce((sum, ms) => sum + ms, 0) > 300_000);
    }
  });

  test('does not lend its patience to one that stays', async () => {
    let attempts = 0;
    const lasting = new SlotcastError('SC_WAL_LEVEL', 'wal_level is replica');
    await assert.rejects(
      run((count) => {
        attempts = count;
        return Promise.reject(count === 3 ? lasting : refusal());
      }),
      lasting,
    );
    assert.equal(attempts, 3);
  });
});
