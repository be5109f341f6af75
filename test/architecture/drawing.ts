import { readFileSync, writeFileSync } from 'node:fs';
import { type Arrows, fromTheTop } from './arrows.ts';
import { domainArrows, packageArrows } from './house.ts';

const PAGE = new URL('../../ARCHITECTURE.md', import.meta.url);

/** A drawing on the page stands between two comments with its name. */
export type DrawingName = 'packages' | 'domain';

export function readPage(): string {
  return readFileSync(PAGE, 'utf8');
}

/** Draws anew on the page what the imports say. */
export function writeDrawings(): void {
  const drawings = { packages: drawing(packageArrows()), domain: drawing(domainArrows()) };
  const page = placeDrawing(readPage(), 'packages', drawings.packages);
  writeFileSync(PAGE, placeDrawing(page, 'domain', drawings.domain));
}

/** Mermaid, a line for each name with what it imports. */
export function drawing(arrows: Arrows): string {
  const lines = fromTheTop(arrows).map((name) => {
    const targets = arrows.get(name) ?? [];
    return targets.length === 0 ? `  ${name}` : `  ${name} --> ${targets.join(' & ')}`;
  });
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

/** What `drawing` makes, read back. Throws when the page has no drawing of that name. */
export function arrowsOnPage(page: string, name: DrawingName): Arrows {
  return new Map(
    contentOf(page, name)
      .split('\n')
      .filter((line) => line.startsWith('  '))
      .map((line) => {
        const [from = '', targets] = line.trim().split(' --> ');
        return [from, targets?.split(' & ') ?? []];
      }),
  );
}

export function contentOf(page: string, name: DrawingName): string {
  const { start, end } = findPlace(page, name);
  return page.slice(start, end);
}

function placeDrawing(page: string, name: DrawingName, text: string): string {
  const { start, end } = findPlace(page, name);
  return page.slice(0, start) + text + page.slice(end);
}

function findPlace(page: string, name: DrawingName): { start: number; end: number } {
  const opening = `<!-- drawing of ${name}: npm run diagrams -->\n`;
  const start = page.indexOf(opening) + opening.length;
  const end = page.indexOf(`\n<!-- end of drawing -->`, start - 1);
  if (start < opening.length || end < start) {
    throw new Error(`ARCHITECTURE.md has no place for the drawing of ${name}`);
  }
  return { start, end };
}
