import { readFileSync } from 'node:fs';
import { errorText } from '@slotcast/kernel';
import { z } from 'zod';

/** One setting as a file says it, and where. */
interface FileSetting {
  readonly name: string;
  readonly text: string;
  readonly origin: string;
}

export interface FileContent {
  readonly settings: readonly FileSetting[];
  /** One line for each thing that is wrong with the file itself. */
  readonly problems: readonly string[];
}

const jsonSettings = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]),
);

/**
 * Reads a configuration file: a JSON object of names and values when its name ends in `.json`, otherwise lines of
 * `NAME=value`. Never throws; values are not repeated in the problems, as they may be secrets.
 */
export function readConfigFile(path: string): FileContent {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return { settings: [], problems: [`the configuration file ${path} cannot be read: ${errorText(error)}`] };
  }
  let content: string;
  try {
    // Leaves a byte order mark out.
    content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { settings: [], problems: [`file ${path} is not text in UTF-8; save it in that encoding`] };
  }
  const read = path.endsWith('.json') ? readJson(path, content) : readEnv(path, content);
  return { settings: read.settings, problems: [...read.problems, ...repeatedNames(read.settings)] };
}

/** Which of two lines is meant, nobody can tell: the other one would be ignored. */
function repeatedNames(settings: readonly FileSetting[]): string[] {
  const first = new Map<string, FileSetting>();
  const problems: string[] = [];
  for (const setting of settings) {
    const earlier = first.get(setting.name);
    if (earlier === undefined) {
      first.set(setting.name, setting);
    } else {
      const places = [...new Set([earlier.origin, setting.origin])].join(' and ');
      problems.push(`${setting.name}: is given twice (from ${places}); keep the one that is meant`);
    }
  }
  return problems;
}

function readJson(path: string, content: string): FileContent {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    // The parser's message quotes the text around the mistake, which may be a password.
    return {
      settings: [],
      problems: [`file ${path} is not JSON; expected {"SLOTCAST_CLUSTER": "orders", …}`],
    };
  }
  const parsed = jsonSettings.safeParse(value);
  if (!parsed.success) {
    const places = new Set(parsed.error.issues.map((issue) => issue.path.slice(0, 1).join('')));
    return {
      settings: [],
      problems: [...places].map(
        (place) =>
          `${place === '' ? 'the content' : place}: wrong type (from file ${path}); expected a text, a number, true, false, or an array of texts`,
      ),
    };
  }
  const settings: FileSetting[] = [];
  for (const name of namesOf(content)) {
    const entry = parsed.data[name];
    if (entry !== null && entry !== undefined) {
      const text = Array.isArray(entry) ? entry.join(',') : String(entry);
      settings.push({ name, text, origin: `file ${path}` });
    }
  }
  return { settings, problems: [] };
}

/** The names in the outermost object of a JSON text, repeated ones, too, of which `JSON.parse` keeps the last without a word. */
function namesOf(json: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (const [token, text] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (text !== undefined && depth === 1) {
      names.push(String(JSON.parse(text)));
    } else if (token === '{' || token === '[') {
      depth += 1;
    } else if (token === '}' || token === ']') {
      depth -= 1;
    }
  }
  return names;
}

function readEnv(path: string, content: string): FileContent {
  const settings: FileSetting[] = [];
  const problems: string[] = [];
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) {
      continue;
    }
    const parsed = parseEnvLine(trimmed);
    if (parsed === undefined) {
      problems.push(`line ${index + 1} of file ${path} is malformed; expected NAME=value`);
    } else {
      settings.push({ ...parsed, origin: `file ${path}:${index + 1}` });
    }
  }
  return { settings, problems };
}

function parseEnvLine(line: string): { readonly name: string; readonly text: string } | undefined {
  const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(line);
  const [, name, value] = assignment ?? [];
  if (name === undefined || value === undefined) {
    return undefined;
  }
  const text = parseEnvValue(value);
  return text === undefined ? undefined : { name, text };
}

/**
 * Text in single quotes stands as it is; in double quotes a backslash takes the next character as it is, and `\n` is a line
 * end; without quotes the value ends at ` #`. `undefined` when a quote is left open.
 */
function parseEnvValue(value: string): string | undefined {
  if (value.startsWith("'")) {
    return /^'([^']*)'\s*(?:#.*)?$/.exec(value)?.[1];
  }
  if (value.startsWith('"')) {
    const quoted = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(value)?.[1];
    return quoted?.replace(/\\(.)/g, (_whole, character: string) => (character === 'n' ? '\n' : character));
  }
  return value.replace(/(^|\s)#.*$/, '').trim();
}
