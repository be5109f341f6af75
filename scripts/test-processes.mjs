/**
 * Which test files share a process. A process that has loaded TypeScript and the packages costs more processor time than most files
 * have work for, so files of one package and one kind go together, one after the other.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** How many files one process takes, by what they need. What starts services is long enough for a process of its own. */
const LARGEST = { unit: 50, pg: 4, kafka: 1, e2e: 1 };
/** A process with tests of the first takes minutes, one of the last seconds. */
const LONGEST_FIRST = ['e2e', 'unit', 'kafka', 'pg'];
/** Its tests look at what the end of a process leaves behind. */
const ALONE = ['packages/testkit'];

/** What a test needs, by the suffix of its file. */
export function kindOf(path) {
  return /\.(pg|kafka|e2e)\.test\.ts$/.exec(path)?.[1] ?? 'unit';
}

function packageOf(path) {
  const [first, second] = path.split('/');
  return first === 'test' ? first : `${first}/${second}`;
}

/** A module that runs the files one after the other; one that cannot be loaded is a failed test and hinders no other. */
function moduleOf(files, runnable) {
  const urls = files.map((file) => [file, pathToFileURL(resolve(runnable(file))).href]);
  return `import { test } from 'node:test';
for (const [file, url] of ${JSON.stringify(urls)}) {
  try {
    await import(url);
  } catch (error) {
    test(file, () => {
      throw error;
    });
  }
}
`;
}

/** The module's name tells its files where it stands for itself, as it does when its process ends at once. */
function nameOf(group, index) {
  const [first, ...others] = group;
  const words =
    others.length === 0 ? first.replace(/\.test\.ts$/, '') : `${packageOf(first)}-${kindOf(first)}`;
  return `${String(index).padStart(3, '0')}-${words.replaceAll('/', '-')}.mjs`;
}

function rankOf([file]) {
  return LONGEST_FIRST.indexOf(kindOf(file));
}

/**
 * Writes for each process a module into the folder, and returns these for the runner, which takes them in the order of their names. What takes longest
 * comes first, so that no core is idle at the end. `bundled` has for each test file what is run in its place, unless the files are run themselves.
 */
export function processesFor(files, folder, bundled) {
  const runnable = (file) => bundled?.get(file) ?? file;
  const groups = new Map();
  for (const file of files) {
    const [home, kind] = [packageOf(file), kindOf(file)];
    const largest = ALONE.includes(home) ? 1 : LARGEST[kind];
    const group = groups.get(`${home} ${kind}`)?.at(-1);
    if (group === undefined || group.length >= largest) {
      groups.set(`${home} ${kind}`, [...(groups.get(`${home} ${kind}`) ?? []), [file]]);
    } else {
      group.push(file);
    }
  }
  const ordered = [...groups.values()].flat().toSorted((one, other) => rankOf(one) - rankOf(other));
  return ordered.map((group, index) => {
    const path = join(folder, nameOf(group, index));
    writeFileSync(path, moduleOf(group, runnable));
    return path;
  });
}
