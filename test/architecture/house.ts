import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Arrow, type Arrows, arrowsOf } from './arrows.ts';
import { importsOf } from './imports.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const SCOPE = '@slotcast/';
const DOMAIN = join('packages', 'domain');

/** A package of the workspace. */
export interface Room {
  /** Its name without the scope. */
  readonly name: string;
  /** Its folder, from the root of the checkout. */
  readonly folder: string;
}

/** All packages and services. */
export function rooms(): Room[] {
  return ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(CHECKOUT, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ name, folder: join(parent, name) }))
      .filter(({ folder }) => existsSync(join(CHECKOUT, folder, 'package.json'))),
  );
}

/** Between packages and services. Throws when one reaches into the folder of another. */
export function packageArrows(): Arrows {
  const all = rooms();
  const arrows = all.flatMap(({ name, folder }) =>
    readSources(folder).flatMap(({ path, imports }) =>
      imports.flatMap((specifier): Arrow[] => {
        if (specifier.startsWith('.')) {
          const target = join(dirname(path), specifier);
          if (!target.startsWith(join(folder, 'src') + sep)) {
            throw new Error(`${path} imports ${specifier}, which is not in its package`);
          }
          return [];
        }
        return specifier.startsWith(SCOPE) ? [{ from: name, to: specifier.slice(SCOPE.length) }] : [];
      }),
    ),
  );
  return arrowsOf(
    all.map(({ name }) => name),
    arrows,
  );
}

/** Between the folders of `packages/domain/src`. What is in none of them, which is its entry, counts as a folder when it is imported. */
export function domainArrows(): Arrows {
  const src = join(DOMAIN, 'src');
  const folderOf = (path: string): string => relative(src, path).split(sep)[0] ?? '';
  const sources = readSources(DOMAIN).filter(({ path }) => dirname(path) !== src);
  return arrowsOf(
    new Set(sources.map(({ path }) => folderOf(path))),
    sources.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => ({ from: folderOf(path), to: folderOf(join(dirname(path), specifier)) })),
    ),
  );
}

interface Source {
  /** From the root of the checkout. */
  readonly path: string;
  readonly imports: readonly string[];
}

function readSources(folder: string): Source[] {
  return readdirSync(join(CHECKOUT, folder, 'src'), { recursive: true })
    .map((name) => join(folder, 'src', String(name)))
    .filter((path) => path.endsWith('.ts'))
    .toSorted()
    .map((path) => ({ path, imports: importsOf(readFileSync(join(CHECKOUT, path), 'utf8'), path) }));
}
