/** Which files took longest: the whole run is as long as these are. */
const SHOWN = 25;

/** The slowest files by the lines of `file-times.mjs`, a line for each. */
export function tellSlowestFiles(times) {
  const seconds = new Map();
  for (const line of times.split('\n').filter((text) => text !== '')) {
    const [took, file] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    seconds.set(file, (seconds.get(file) ?? 0) + Number(took));
  }
  const slowest = [...seconds].toSorted(([, one], [, other]) => other - one).slice(0, SHOWN);
  return slowest.map(([file, took]) => `  ${took.toFixed(0).padStart(4)} s  ${file}\n`).join('');
}
