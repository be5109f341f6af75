import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PasswordMissingError } from './connection-settings-error.ts';

/** Which connection a password is for. */
export interface PasswordQuestion {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

/** What libpq calls `localhost` in a password file, too. */
const SOCKET_FOLDERS = ['/tmp', '/run/postgresql', '/var/run/postgresql'];
const OTHERS_MAY = 0o077;

/**
 * Looks the password up that the server asks for, in this file or in `~/.pgpass`, as libpq does: the first line that fits counts. Rejects
 * with a PasswordMissingError that says why there is none.
 */
export async function readPassword(file: string | undefined, question: PasswordQuestion): Promise<string> {
  const path = file ?? join(homedir(), '.pgpass');
  const missing = (why: string): PasswordMissingError =>
    new PasswordMissingError(
      `the server asks for a password, and there is none: not in the URL, not in PGPASSWORD, and the password file ${path} ${why}`,
    );
  let content: string;
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS_MAY) !== 0) {
      throw missing(`can be read by others than its owner, so it is not used (chmod 0600)`);
    }
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw error instanceof PasswordMissingError ? error : missing(`cannot be read: ${String(error)}`);
  }
  const password = passwordFor(content, question);
  if (password === undefined) {
    const { host, port, database, user } = question;
    throw missing(`has no line for ${host}:${port}:${database}:${user}`);
  }
  return password;
}

/** The password of the first line that fits: `host:port:database:user:password`, where `*` fits all, and `\\` takes the next character as it is. */
export function passwordFor(content: string, question: PasswordQuestion): string | undefined {
  const { host, port, database, user } = question;
  const hosts = SOCKET_FOLDERS.includes(host) ? [host, 'localhost'] : [host];
  for (const line of content.split(/\r?\n/)) {
    const fields = line.startsWith('#') ? [] : splitFields(line);
    const [inHost, inPort, inDatabase, inUser, password] = fields;
    const fits =
      fitsField(inHost, hosts) &&
      fitsField(inPort, [port]) &&
      fitsField(inDatabase, [database]) &&
      fitsField(inUser, [user]);
    if (fits && password !== undefined && password !== '') {
      return password;
    }
  }
  return undefined;
}

function fitsField(field: string | undefined, wanted: readonly string[]): boolean {
  return field !== undefined && (field === '*' || wanted.includes(field));
}

function splitFields(line: string): string[] {
  const fields = [''];
  for (const [, escaped, character] of line.matchAll(/\\(.)|([^])/g)) {
    if (character === ':') {
      fields.push('');
    } else {
      fields.push(`${fields.pop() ?? ''}${escaped ?? character ?? ''}`);
    }
  }
  return fields;
}
