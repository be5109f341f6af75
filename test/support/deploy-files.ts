import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file of the checkout. */
export function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

export function read(name: string): string {
  return readFileSync(pathOf(name), 'utf8');
}

export type Fields = ReadonlyMap<string, unknown>;

/** A map of a YAML or JSON file. */
export function fields(value: unknown): Fields {
  if (value === undefined || value === null) {
    return new Map();
  }
  assert.ok(typeof value === 'object' && !Array.isArray(value), `not a map: ${JSON.stringify(value)}`);
  return new Map(Object.entries(value));
}

/** A list of a YAML or JSON file. */
export function list(value: unknown): readonly unknown[] {
  assert.ok(value === undefined || Array.isArray(value), `not a list: ${JSON.stringify(value)}`);
  return value ?? [];
}

/** For the `skip` of a test: why it cannot run here, or false. */
export function lacks(program: string, versionFlag = '--version'): string | false {
  const { error } = spawnSync(program, [versionFlag]);
  return error === undefined ? false : `${program} is not installed`;
}

/** Runs a program to its end and expects that it succeeds. */
export function succeed(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}`);
  return stdout;
}
