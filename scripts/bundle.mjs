/**
 * Bundles the built command line into a folder that needs nothing else of the checkout: a service that loads five hundred small modules
 * needs a second and a half of processor time before it does anything, one that loads a bundle a third of that.
 *
 *   node scripts/bundle.mjs        services/cli/program: bin, dist, schemas, package.json
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLI = join(CHECKOUT, 'services', 'cli');
const PROGRAM = join(CLI, 'program');
/** Stays a package of its own: what is replaced in it is private, so it must be there as its authors laid it out. */
const UNBUNDLED = 'kafkajs';
/** Libraries in CommonJS ask for modules of Node with `require`, which a module does not have. */
const REQUIRE = [
  `import { createRequire as createRequireOfBundle } from 'node:module';`,
  'const require = createRequireOfBundle(import.meta.url);',
].join('\n');
/** What node says of itself since version 21. Without it pg asks for a class of node's HTTP client, and loading that takes as long as all of pg. */
const NAVIGATOR = '{ "userAgent": "Node.js" }';

/** The messages of zod in forty languages are a seventh of all that would be loaded, and only the English ones are used. */
const englishOnly = {
  name: 'english-only',
  setup(build) {
    build.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents: 'export {};' }));
  },
};

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The versions that npm locked count for the program, too. */
function manifest() {
  const { name, version, license, type, engines, bin } = readJson(join(CLI, 'package.json'));
  const { [`node_modules/${UNBUNDLED}`]: unbundled } = readJson(join(CHECKOUT, 'package-lock.json')).packages;
  return { name, version, license, type, engines, bin, dependencies: { [UNBUNDLED]: unbundled.version } };
}

/** Removes what an older build left. What is still the same is not touched, as a process may be about to load it. */
function removeAllBut(kept, folder) {
  for (const name of readdirSync(folder).filter((file) => !kept.has(join(folder, file)))) {
    rmSync(join(folder, name));
  }
}

/** Writes the program from what was compiled. Returns its first file; throws when it cannot be made. */
export async function bundle() {
  const { metafile } = await build({
    entryPoints: [join(CLI, 'dist', 'main.js')],
    outdir: join(PROGRAM, 'dist'),
    bundle: true,
    // Each command loads what it needs alone.
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    // pg looks for it, and does without.
    external: [UNBUNDLED, 'pg-native'],
    define: { navigator: NAVIGATOR },
    plugins: [englishOnly],
    banner: { js: REQUIRE },
    absWorkingDir: CHECKOUT,
    metafile: true,
    logLevel: 'warning',
  });
  const written = new Set(Object.keys(metafile.outputs).map((path) => join(CHECKOUT, path)));
  removeAllBut(written, join(PROGRAM, 'dist'));
  cpSync(join(CLI, 'bin'), join(PROGRAM, 'bin'), { recursive: true });
  cpSync(join(CHECKOUT, 'packages', 'event-schema', 'schemas'), join(PROGRAM, 'schemas'), {
    recursive: true,
  });
  cpSync(join(CHECKOUT, 'LICENSE'), join(PROGRAM, 'LICENSE'));
  writeFileSync(join(PROGRAM, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
  return join(PROGRAM, 'bin', 'slotcast.js');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await bundle();
}
