import { type FileContent, readConfigFile } from './config-file.ts';
import {
  CONFIG_FILE_VARIABLE,
  configTable,
  defaultText,
  plannedSettings,
  type Service,
} from './config-table.ts';
import { nearestName } from './nearest-name.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The text of one setting and where it was found. */
export interface RawSetting {
  readonly text: string;
  /** `environment`, `default`, or `file PATH` with the line where there are lines. */
  readonly origin: string;
}

export interface RawSettings {
  /** By variable name; without those that are neither set nor have a default. */
  readonly byName: ReadonlyMap<string, RawSetting>;
  /** The file below the environment. */
  readonly file: string | undefined;
  readonly problems: readonly string[];
}

export interface RawSettingsOptions {
  readonly env: Environment;
  readonly file: string | undefined;
  readonly service: Service;
  readonly hostName: string;
}

/** In the environment these prefixes are slotcast's alone, so an unknown name is a typing mistake; other tools use `KAFKA_` and `PG` too. */
const OWN_PREFIXES = ['SLOTCAST_', 'KAFKA_SSL_', 'KAFKA_SASL_', 'KAFKA_SECURITY_'];
/** Variables of the test suite, which child processes inherit. */
const TEST_PREFIX = 'SLOTCAST_TEST_';

const knownNames = configTable.map((row) => row.name);

/** Collects the text of every setting: environment first, then the file, then the default. */
export function collectRawSettings(options: RawSettingsOptions): RawSettings {
  const file = options.file ?? textOrUndefined(options.env[CONFIG_FILE_VARIABLE]);
  const content: FileContent = file === undefined ? { settings: [], problems: [] } : readConfigFile(file);
  const fromFile = new Map(content.settings.map((setting) => [setting.name, setting]));
  const byName = new Map<string, RawSetting>();
  for (const row of configTable) {
    const inEnvironment = options.env[row.name];
    const inFile = fromFile.get(row.name);
    const candidates: readonly RawSetting[] = [
      ...(inEnvironment === undefined ? [] : [{ text: inEnvironment, origin: 'environment' }]),
      ...(inFile === undefined ? [] : [inFile]),
    ];
    const given = candidates.find(({ text }) => text !== '' || row.emptyIsValue === true);
    const fallback = defaultText(row, options.service, options.hostName);
    if (given !== undefined) {
      byName.set(row.name, { text: given.text, origin: given.origin });
    } else if (fallback !== undefined) {
      byName.set(row.name, { text: fallback, origin: 'default' });
    }
  }
  return { byName, file, problems: [...content.problems, ...unknownNames(options.env, content)] };
}

function textOrUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function unknownNames(env: Environment, content: FileContent): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(env).toSorted()) {
    const own = OWN_PREFIXES.some((prefix) => name.startsWith(prefix)) && !name.startsWith(TEST_PREFIX);
    if (own && name !== CONFIG_FILE_VARIABLE && !knownNames.includes(name)) {
      problems.push(unknownName(name, 'environment'));
    }
  }
  for (const { name, origin } of content.settings) {
    if (!knownNames.includes(name)) {
      problems.push(unknownName(name, origin));
    }
  }
  return problems;
}

function unknownName(name: string, origin: string): string {
  if (plannedSettings.includes(name)) {
    return `${name}: not available in this version (from ${origin}); remove it`;
  }
  if (name === CONFIG_FILE_VARIABLE) {
    return `${name}: not possible inside a configuration file (from ${origin}); set it in the environment`;
  }
  const nearest = nearestName(name, knownNames);
  const hint = nearest === undefined ? 'see docs/reference/configuration.md' : `did you mean ${nearest}?`;
  return `${name}: unknown setting (from ${origin}); ${hint}`;
}
