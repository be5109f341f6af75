import { type FileContent, readConfigFile } from './config-file.ts';
import {
  CONFIG_FILE_VARIABLE,
  configTable,
  defaultText,
  plannedSettings,
  type Service,
} from './config-table.ts';
import { nearestName } from './nearest-name.ts';
import { isServiceLink } from './service-links.ts';

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
  /** Variables of the environment that look like settings, but were put there by Kubernetes or Docker. */
  readonly serviceLinks: readonly string[];
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
  const unknown = unknownVariables(options.env);
  const serviceLinks = unknown.filter((name) => isServiceLink(name, options.env));
  const problems = [
    ...content.problems,
    ...unknown.filter((name) => !serviceLinks.includes(name)).map((name) => unknownName(name, 'environment')),
    ...content.settings
      .filter(({ name }) => !knownNames.includes(name))
      .map(({ name, origin }) => unknownName(name, origin)),
  ];
  return { byName, file, serviceLinks, problems };
}

function textOrUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Variables that can only be meant for slotcast, and that it does not know. */
function unknownVariables(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => OWN_PREFIXES.some((prefix) => name.startsWith(prefix)))
    .filter((name) => !name.startsWith(TEST_PREFIX) && name !== CONFIG_FILE_VARIABLE)
    .filter((name) => !knownNames.includes(name))
    .toSorted();
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
