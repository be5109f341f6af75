/**
 * Bundles test files: a process that loads hundreds of small modules through a compiler needs three seconds of processor time before its
 * first test, one that loads a bundle half a second. The types were checked before, by `tsc -b`.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
/** A folder for each run, below the checkout, so that the libraries are found. */
const FOLDER = join(CHECKOUT, '.cache', 'tests');

/** Libraries are loaded as they are, as some are looked at, or changed, from outside. */
const libraries = {
  name: 'libraries',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@slotcast/') ? undefined : { path, external: true },
    );
  },
};

/** To each module its own place, from which it finds pages, scripts and schemas. */
const places = {
  name: 'places',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes('import.meta')) {
        return undefined;
      }
      const url = JSON.stringify(pathToFileURL(path).href);
      const folder = JSON.stringify(dirname(path));
      // On the first line, so that the lines stay what they are.
      return { contents: `const moduleUrl = ${url}, moduleFolder = ${folder};${source}`, loader: 'ts' };
    });
  },
};

/** Removes what runs that were killed have left. Those that still run need theirs. */
function removeLeftovers() {
  for (const pid of existsSync(FOLDER) ? readdirSync(FOLDER) : []) {
    if (!existsSync(join('/proc', pid))) {
      rmSync(join(FOLDER, pid), { recursive: true, force: true });
    }
  }
}

/** Writes the bundle into a folder of this process alone, which is to be removed; returns it, and for each file the one that runs in its place. */
export async function bundleTests(files) {
  removeLeftovers();
  const folder = join(FOLDER, String(process.pid));
  await build({
    entryPoints: files,
    outdir: folder,
    outbase: CHECKOUT,
    absWorkingDir: CHECKOUT,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    conditions: ['source'],
    plugins: [libraries, places],
    define: { 'import.meta.url': 'moduleUrl', 'import.meta.dirname': 'moduleFolder' },
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  return {
    folder,
    bundled: new Map(files.map((file) => [file, join(folder, file.replace(/\.ts$/, '.js'))])),
  };
}
