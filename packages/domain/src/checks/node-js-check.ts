import { type Check, failed, ok } from './check.ts';

/** The oldest version of Node.js that slotcast runs on, as in `engines` of its package. */
const OLDEST = { major: 20, minor: 19 } as const;

/** Judges the version of Node.js, such as `20.19.5`. */
export function checkNodeJs(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
  const needed = `${OLDEST.major}.${OLDEST.minor}`;
  return isEnough
    ? ok('node_js', `Node.js ${version}`)
    : failed('node_js', `Node.js ${version} is too old`, `install Node.js ${needed} or newer`);
}
