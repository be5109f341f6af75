import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@slotcast/testkit';

const SCRIPT = fileURLToPath(new URL('../scripts/demo.mjs', import.meta.url));
const TIMEOUT_MS = 480_000;

/** A run of the demo whose temporary folders all lie in one of its own. */
class DemoRun {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'slotcast-demo-test-'));
    // PostgreSQL runs as another user when this one is root.
    chmodSync(this.folder, 0o755);
    const child = spawn(process.execPath, [SCRIPT, ...args], {
      env: { ...process.env, TMPDIR: this.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    this.#child = child;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  exitCode(): Promise<number | null> {
    return this.#ended;
  }

  /** Names of what lies in the run folders of the test kit. */
  folders(): readonly string[] {
    return readdirSync(this.folder).flatMap((name) => readdirSync(join(this.folder, name)));
  }

  /** Command lines of the processes that work in the folder, or have it in their environment. */
  processes(): readonly string[] {
    return readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        const workingFolder = ofProcess(() => readlinkSync(`/proc/${pid}/cwd`));
        const environment = ofProcess(() => readFileSync(`/proc/${pid}/environ`, 'utf8'));
        const isOurs =
          workingFolder.startsWith(`${this.folder}/`) ||
          environment.split('\0').includes(`TMPDIR=${this.folder}`);
        const command = isOurs ? ofProcess(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) : '';
        return command === '' ? [] : [command.replaceAll('\0', ' ')];
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      this.signal('SIGINT');
    }
    await this.#ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a process tells of itself; nothing when it has ended meanwhile, or is a zombie. */
function ofProcess(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') {
      return '';
    }
    throw error;
  }
}

async function expectNothingLeft(run: DemoRun): Promise<void> {
  assert.deepEqual(readdirSync(run.folder), []);
  // The watchdog, which removed the folder as the last thing that it did, may need a moment to end.
  await waitUntil(() => run.processes().length === 0, {
    describe: () => `the end of ${run.processes().join('; ')}`,
  });
}

/** The JSON that the demo printed; throws when it is something else than one object on one line. */
function readOutcome(text: string): Readonly<Record<string, unknown>> {
  const outcome: unknown = JSON.parse(text);
  assert.ok(typeof outcome === 'object' && outcome !== null);
  assert.equal(text.trimEnd().split('\n').length, 1);
  return Object.fromEntries(Object.entries(outcome));
}

function isAct(act: unknown): act is { readonly rowsWritten: number; readonly rowsReceived: number } {
  return (
    typeof act === 'object' &&
    act !== null &&
    'rowsWritten' in act &&
    typeof act.rowsWritten === 'number' &&
    'rowsReceived' in act &&
    typeof act.rowsReceived === 'number'
  );
}

describe('npm run demo', { timeout: TIMEOUT_MS }, () => {
  test('loses no row in a failover, says so as JSON, and leaves nothing behind', async () => {
    await using run = new DemoRun(['--output', 'json']);
    assert.equal(await run.exitCode(), 0, run.stderr);
    await expectNothingLeft(run);
    const outcome = readOutcome(run.stdout);
    const { rowsWritten, rowsOnNewPrimary, slots, failoverMs } = outcome;
    assert.ok(typeof rowsOnNewPrimary === 'number' && rowsOnNewPrimary > 100);
    assert.ok(typeof rowsWritten === 'number' && rowsWritten > 100);
    assert.deepEqual(outcome['rowsPerSubscriber'], {
      audit: rowsOnNewPrimary,
      billing: rowsOnNewPrimary,
      search: rowsOnNewPrimary,
    });
    assert.equal(outcome['missing'], 0);
    assert.ok(Number.isInteger(outcome['duplicates']));
    assert.ok(Number.isInteger(outcome['lostRows']));
    assert.ok(Array.isArray(slots) && slots.length === 3);
    assert.ok(typeof failoverMs === 'number' && failoverMs > 0);
    const { latencyMs } = outcome;
    assert.ok(
      typeof latencyMs === 'object' && latencyMs !== null && 'p50' in latencyMs && 'p99' in latencyMs,
    );
    assert.ok(Number(latencyMs.p99) >= Number(latencyMs.p50));
  });

  test('shows that rows vanish for a subscriber that was ahead, and that none does with slotcast', async () => {
    await using run = new DemoRun(['--scenario', 'ahead', '--output', 'json']);
    assert.equal(await run.exitCode(), 0, run.stderr);
    await expectNothingLeft(run);
    const outcome = readOutcome(run.stdout);
    const { without, with: withSlotcast } = outcome;
    assert.ok(isAct(without) && isAct(withSlotcast));
    assert.equal(without.rowsReceived, 0, 'without slotcast the danger is real');
    assert.ok(withSlotcast.rowsWritten > 0);
    assert.equal(withSlotcast.rowsReceived, withSlotcast.rowsWritten);
    assert.equal(outcome['missing'], 0);
  });

  test('leaves nothing behind when it is interrupted while a standby is being made', async () => {
    await using run = new DemoRun([]);
    await waitUntil(
      () => !run.isRunning || run.folders().some((name) => name.startsWith('postgres-18-standby1')),
      { timeoutMs: 120_000, describe: () => `a standby in ${run.folder}:\n${run.stderr}` },
    );
    run.signal('SIGINT');
    assert.equal(await run.exitCode(), 130, run.stderr);
    await expectNothingLeft(run);
    assert.equal(run.stdout, '');
  });

  test('refuses an unknown flag with exit code 2', async () => {
    await using run = new DemoRun(['--no-such-flag']);
    assert.equal(await run.exitCode(), 2, run.stderr);
    assert.equal(run.stdout, '');
    await expectNothingLeft(run);
  });
});
