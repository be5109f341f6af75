/** One line of a PostgreSQL configuration file that says something. */
export interface ConfigurationLine {
  /** In lower case; `include`, `include_if_exists` and `include_dir` are directives. */
  readonly name: string;
  readonly value: string;
}

const LINE = /^\s*([A-Za-z_][A-Za-z0-9_$.]*)\s*(?:=\s*|\s+|(?='))('(?:[^'\\]|''|\\.)*'|[^\s#']+)\s*(?:#.*)?$/;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Reads a configuration file (`guc-file.l`). What it cannot read it returns as it stands: the server would not start with it. */
export function parseConfiguration(text: string): {
  readonly lines: readonly ConfigurationLine[];
  readonly malformed: readonly string[];
} {
  const lines: ConfigurationLine[] = [];
  const malformed: string[] = [];
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) {
      lines.push({ name: match[1].toLowerCase(), value: unquote(match[2]) });
    } else if (!/^\s*(?:#.*)?$/.test(line)) {
      malformed.push(line.trim());
    }
  }
  return { lines, malformed };
}

function unquote(token: string): string {
  if (!token.startsWith("'")) {
    return token;
  }
  return token.slice(1, -1).replace(/''|\\([0-7]{1,3}|.)/g, (_, escaped: string | undefined) => {
    if (escaped === undefined) {
      return "'";
    }
    return /^[0-7]/.test(escaped)
      ? String.fromCharCode(Number.parseInt(escaped, 8))
      : (ESCAPES[escaped] ?? escaped);
  });
}

/** A boolean setting (`parse_bool`); `undefined` for what is none. */
export function parseSwitch(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (
    word === '1' ||
    word === 'on' ||
    (word !== '' && ['true', 'yes'].some((full) => full.startsWith(word)))
  ) {
    return true;
  }
  const isOff = word.length >= 2 && 'off'.startsWith(word);
  return word === '0' || isOff || (word !== '' && ['false', 'no'].some((full) => full.startsWith(word)))
    ? false
    : undefined;
}
