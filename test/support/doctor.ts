import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import type { Check, CheckName } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { PROGRAM } from './program.ts';
import type { Scene } from './scene.ts';
import { inherited } from './service-process.ts';

/** What `slotcast doctor` answered. */
export interface Diagnosis {
  readonly exitCode: number | null;
  readonly checks: readonly Check[];
}

/** Runs `slotcast doctor` beside this server, with these settings in place of the scene's. */
export async function doctor(
  scene: Scene,
  server: PostgresServer,
  extra: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  const { exitCode, stdout } = await runDoctor(['--output', 'json'], {
    ...scene.environment(server),
    ...extra,
  });
  const checks: Check[] = JSON.parse(stdout);
  return { exitCode, checks };
}

/** Runs `slotcast doctor` and returns what it printed. It must not talk on stderr. */
export async function runDoctor(
  options: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly exitCode: number | null; readonly stdout: string }> {
  const child = spawn(process.execPath, [PROGRAM, 'doctor', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...environment },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }),
  ]);
  assert.equal(stderr, '');
  return { exitCode, stdout };
}

/** The checks that ask for something to be fixed, as `<outcome> <check>`. */
export function complaints({ checks }: Diagnosis): string[] {
  return checks
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'warning')
    .map(({ outcome, check }) => `${outcome} ${check}`);
}

/** Asks again until these are the complaints: what upstream holds back, and what the topics say of it, follows within seconds. */
export async function untilComplaints(
  scene: Scene,
  server: PostgresServer,
  expected: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  let seen: Diagnosis = { exitCode: null, checks: [] };
  await waitUntil(
    async () => {
      seen = await doctor(scene, server, extra);
      return isDeepStrictEqual(complaints(seen), expected);
    },
    {
      describe: () =>
        `complaints of ${server.name} to be ${JSON.stringify(expected)}, they are ${JSON.stringify(seen.checks.filter(({ remedy }) => remedy !== ''))}`,
    },
  );
  return seen;
}

/** The remedy of the first failed check of this name. */
export function remedyOf({ checks }: Diagnosis, name: CheckName): string {
  const found = checks.find(({ check, outcome }) => check === name && outcome === 'failed');
  assert.ok(found, `${name} did not fail: ${JSON.stringify(checks.filter(({ check }) => check === name))}`);
  return found.remedy;
}

/** Runs the statements of a remedy as psql does: one after the other, without the comments. */
export async function execute(server: PostgresServer, remedy: string): Promise<void> {
  const statements = remedy
    .replaceAll(/\/\*.*?\*\//g, '')
    .split(';')
    .map((statement) => statement.trim());
  for (const statement of statements.filter((text) => text !== '')) {
    await server.query(statement);
  }
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += chunk;
  }
  return text;
}
