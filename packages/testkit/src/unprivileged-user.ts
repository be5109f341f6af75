import { readFileSync } from 'node:fs';
import type { SystemUser } from './child-process.ts';

/**
 * PostgreSQL refuses to run as root, so servers started by root run as `nobody`; `undefined` for anyone else, who can run
 * them as himself. Throws when root has no `nobody` to fall back on.
 */
export function unprivilegedUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody');
  const [, , uid, gid] = entry ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and /etc/passwd has no user "nobody" to run it as: run the tests as an ordinary user',
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}
