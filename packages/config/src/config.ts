import { hostname } from 'node:os';
import type { FilterText } from '@slotcast/domain';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { configRuleProblems } from './config-rules.ts';
import { type ConfigRow, configSchema, configTable, type Service, type Settings } from './config-table.ts';
import { collectRawSettings, type Environment, type RawSetting, type RawSettings } from './raw-settings.ts';
import { REDACTED, redactUrl } from './redact.ts';

const POSTGRES_URL = 'SLOTCAST_POSTGRES_URL';

/** The resolved configuration. Holds secrets: never log it whole, see `describeConfig`. */
export interface Config extends Settings {
  readonly service: Service;
  /** The text and origin of every setting, by variable name. */
  readonly raw: ReadonlyMap<string, RawSetting>;
  /** Variables that were left alone, as Kubernetes or Docker put them into the environment. */
  readonly serviceLinks: readonly string[];
}

export interface LoadConfigOptions {
  readonly env: Environment;
  /** JSON or `.env` file below the environment; when absent, the one that SLOTCAST_CONFIG_FILE names. */
  readonly file?: string | undefined;
  readonly service: Service;
  /** The machine's name when absent. */
  readonly hostName?: string;
  /** What stands in the way of a connection with this URL and these `PG*` variables; nothing is checked when absent. */
  readonly postgresProblems?: (
    url: string | undefined,
    environment: Environment,
  ) => readonly PostgresProblem[];
}

/** What is wrong with a variable, or with the URL where none is named. Without secrets. */
export interface PostgresProblem {
  readonly variable: string | undefined;
  readonly text: string;
}

/** Reads the configuration. Throws a ConfigError that lists every problem at once. */
export function loadConfig(options: LoadConfigOptions): Config {
  const raw = collectRawSettings({
    env: options.env,
    file: options.file,
    service: options.service,
    hostName: options.hostName ?? hostname(),
  });
  const texts = textsByField(raw);
  const parsed = configSchema.safeParse(texts);
  const issues = parsed.success ? [] : parsed.error.issues;
  const badFields = new Set(issues.map((issue) => String(issue.path[0])));
  const wellFormed = configSchema
    .partial()
    .parse(Object.fromEntries(Object.entries(texts).filter(([field]) => !badFields.has(field))));
  const ruleProblems = configRuleProblems({
    settings: wellFormed,
    isSet: (name) => isGiven(raw.byName.get(name)),
    service: options.service,
  });
  const problems = [
    ...raw.problems,
    ...issues.map((issue) => describeIssue(issue, raw)),
    ...ruleProblems,
    ...postgresProblems(options, raw, badFields),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { ...parsed.data, service: options.service, raw: raw.byName, serviceLinks: raw.serviceLinks };
}

/** Only services talk to PostgreSQL. What is wrong by itself is not told twice. */
function postgresProblems(
  { env, service, postgresProblems: check }: LoadConfigOptions,
  { byName }: RawSettings,
  badFields: ReadonlySet<string>,
): string[] {
  const url = byName.get(POSTGRES_URL)?.text;
  const named = url !== undefined || byName.has('PGHOST') || byName.has('PGHOSTADDR');
  if (service === 'cli' || check === undefined || !named) {
    return [];
  }
  const told = configTable.filter(({ field }) => badFields.has(field)).map(({ name }) => name);
  return check(url, { ...env, ...postgresVariables(byName) })
    .map(({ variable = POSTGRES_URL, text }) => ({ variable, text }))
    .filter(({ variable }) => !told.includes(variable))
    .map(({ variable, text }) => `${variable}: ${text}`);
}

function isGiven(setting: RawSetting | undefined): boolean {
  return setting !== undefined && setting.origin !== 'default';
}

function textsByField(raw: RawSettings): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const row of configTable) {
    const setting = raw.byName.get(row.name);
    if (setting !== undefined) {
      texts[row.field] = setting.text;
    }
  }
  return texts;
}

function describeIssue(issue: z.core.$ZodIssue, raw: RawSettings): string {
  const field = String(issue.path[0]);
  const row = configTable.find((row) => row.field === field);
  if (row === undefined) {
    return `${field}: ${issue.message}`;
  }
  const setting = raw.byName.get(row.name);
  if (setting === undefined) {
    const places = raw.file === undefined ? 'the environment' : `the environment or file ${raw.file}`;
    return `${row.name}: missing in ${places}; ${row.help}`;
  }
  const value = row.secret === undefined ? `${JSON.stringify(setting.text)} is not valid` : 'not valid';
  return `${row.name}: ${value} (from ${setting.origin}); expected ${issue.message}`;
}

/** One setting as `slotcast config` shows it. */
export interface ConfigLine {
  readonly name: string;
  /** Redacted text; `undefined` when neither set nor given a default. */
  readonly value: string | undefined;
  readonly origin: string;
}

/** Every setting as it is in effect, without secrets. */
export function describeConfig(config: Config): readonly ConfigLine[] {
  return configTable.map((row) => {
    const setting = config.raw.get(row.name);
    return {
      name: row.name,
      value: setting === undefined ? undefined : redact(row, setting.text),
      origin: setting?.origin ?? 'not set',
    };
  });
}

function redact(row: ConfigRow, text: string): string {
  if (row.secret === 'value') {
    return REDACTED;
  }
  return row.secret === 'url' ? redactUrl(text) : text;
}

/**
 * The PG* settings as environment variables. Connections look for them in the process's own environment, so those that came
 * from a file have to be put there before the first one.
 */
export function postgresEnvironment(config: Config): Readonly<Record<string, string>> {
  return postgresVariables(config.raw);
}

function postgresVariables(raw: ReadonlyMap<string, RawSetting>): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [name, { text }] of raw) {
    if (name.startsWith('PG')) {
      variables[name] = text;
    }
  }
  return variables;
}

/** The slot filter as it was written. Only the very same text confirms it: a later change has to be confirmed anew. */
export function filterText({ raw, slotsConfirm }: Pick<Config, 'raw' | 'slotsConfirm'>): FilterText {
  const text = (raw.get('SLOTCAST_SLOTS')?.text ?? '').trim();
  return { text, confirmed: slotsConfirm?.trim() === text };
}
