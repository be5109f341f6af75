import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ENVIRONMENT = fileURLToPath(new URL('../../../.cache/python', import.meta.url));
const AVRO = 'avro==1.12.2';

export interface PythonRun {
  readonly arguments: readonly string[];
  readonly stdin?: string;
  readonly cwd?: URL;
}

/** A Python that has Avro's package, or the reason why there is none. */
export type Python = { readonly executable: string } | { readonly missing: string };

/** Finds Python with Avro's package: the system's, or one installed into `.cache/python`, where it stays for the next run. */
export async function findPythonWithAvro(): Promise<Python> {
  if ((await failureOf('python3', ['--version'])) !== undefined) {
    return { missing: 'there is no python3 on this machine' };
  }
  const own = `${ENVIRONMENT}/bin/python`;
  for (const executable of ['python3', own]) {
    if ((await failureOf(executable, ['-c', 'import avro.schema'])) === undefined) {
      return { executable };
    }
  }
  await rm(ENVIRONMENT, { recursive: true, force: true });
  await mkdir(ENVIRONMENT, { recursive: true });
  const failure =
    (await failureOf('python3', ['-m', 'venv', ENVIRONMENT])) ??
    (await failureOf(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', AVRO]));
  return failure === undefined ? { executable: own } : { missing: `${AVRO} cannot be installed: ${failure}` };
}

/** Runs Python and returns its standard output. Rejects with its standard error when it fails. */
export async function runPython(executable: string, run: PythonRun): Promise<string> {
  const child = execFile(executable, run.arguments, {
    maxBuffer: 64 * 1024 * 1024,
    ...(run.cwd !== undefined && { cwd: fileURLToPath(run.cwd) }),
  });
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  child.stdin?.end(run.stdin ?? '');
  const [code] = await once(child, 'close');
  if (code !== 0) {
    throw new Error(`${executable} ended with ${String(code)}: ${errors}`);
  }
  return output;
}

async function failureOf(executable: string, parameters: readonly string[]): Promise<string | undefined> {
  try {
    await promisify(execFile)(executable, parameters, { timeout: 120_000 });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
