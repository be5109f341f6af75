import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('fixtures/service.ts', import.meta.url));

type Line = Readonly<Record<string, unknown>>;

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null;
}

interface Ended {
  readonly code: number | null;
  readonly lines: readonly Line[];
}

/** Starts the service and calls `onLine` with the message of each log line; resolves when it has ended. */
function run(
  behaviour: string,
  onLine: (child: ChildProcess, message: unknown) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', script, behaviour], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: unknown = JSON.parse(text);
    assert.ok(isLine(line));
    lines.push(line);
    onLine(child, line['msg']);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, lines }));
  });
}

function messages(ended: Ended): unknown[] {
  return ended.lines.map((line) => line['msg']);
}

describe('a service', { timeout: 60_000, concurrency: 2 }, () => {
  test('that ends by itself exits 0', async () => {
    const ended = await run('returns');
    assert.equal(ended.code, 0);
    assert.deepEqual(messages(ended), ['running', 'stopped']);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`that is stopped by ${signal} exits 0`, async () => {
      const ended = await run('waits', (child, message) => message === 'running' && child.kill(signal));
      assert.equal(ended.code, 0);
      assert.deepEqual(messages(ended), ['running', 'stopping', 'stopped']);
    });
  }

  test('that does not stop exits at once with 128 + n at the second signal', async () => {
    const ended = await run('never-ends', (child, message) => {
      if (message === 'running') {
        child.kill('SIGTERM');
      } else if (message === 'stopping') {
        child.kill('SIGINT');
      }
    });
    assert.equal(ended.code, 130);
  });

  test("that fails exits with its error's code and logs what to do", async () => {
    const ended = await run('fails-with-code');
    assert.equal(ended.code, 78);
    const fatal = ended.lines.find((line) => line['level'] === 'fatal');
    assert.equal(fatal?.['code'], 'SC_WAL_LEVEL');
    assert.equal(fatal?.['error'], 'wal_level is replica on db1');
    assert.match(String(fatal?.['remedy']), /wal_level = logical/);
    assert.equal(fatal?.['stack'], undefined);
  });

  test('that fails in an unforeseen way exits 1', async () => {
    const ended = await run('fails-without-code');
    assert.equal(ended.code, 1);
    const fatal = ended.lines.find((line) => line['level'] === 'fatal');
    assert.equal(fatal?.['code'], 'SC_UNEXPECTED');
    assert.equal(fatal?.['error'], 'boom');
    assert.match(String(fatal?.['stack']), /^Error: boom\n +at /);
  });

  test('whose promise is lost is ended by it', async () => {
    const ended = await run('rejects-elsewhere');
    assert.equal(ended.code, 78);
    assert.equal(ended.lines.find((line) => line['level'] === 'fatal')?.['error'], 'lost promise');
  });

  test('that throws outside of any promise is ended by it', async () => {
    assert.equal((await run('throws-elsewhere')).code, 1);
  });

  test('that fails while it stops exits 1', async () => {
    const ended = await run(
      'fails-while-stopping',
      (child, message) => message === 'running' && child.kill('SIGTERM'),
    );
    assert.equal(ended.code, 1);
  });
});
