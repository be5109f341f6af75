import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Arrows, arrowsOf, findCycle, fromTheTop } from './architecture/arrows.ts';
import { arrowsOnPage, contentOf, drawing, readPage } from './architecture/drawing.ts';
import { domainArrows, packageArrows, rooms } from './architecture/house.ts';
import { importsOf } from './architecture/imports.ts';
import { allowedByLinter } from './architecture/linter.ts';

const options = { timeout: 20_000 };

/** Each arrow on a line of its own, so that a difference names the arrow. */
function listOf(arrows: Arrows): string[] {
  return [...arrows].flatMap(([from, targets]) => targets.map((to) => `${from} → ${to}`)).toSorted();
}

describe('the drawings of ARCHITECTURE.md', options, () => {
  for (const [name, arrows] of [
    ['packages', packageArrows()],
    ['domain', domainArrows()],
  ] as const) {
    test(`${name}: no circle`, () => {
      assert.ok(arrows.size >= 8, `only ${arrows.size} names were found`);
      assert.equal(findCycle(arrows)?.join(' → '), undefined);
    });

    test(`${name}: the arrows are those of the imports`, () => {
      const page = readPage();
      assert.deepEqual(listOf(arrows), listOf(arrowsOnPage(page, name)));
      assert.equal(contentOf(page, name), drawing(arrows), 'npm run diagrams writes it');
    });
  }
});

describe('the linter', options, () => {
  const config: unknown = JSON.parse(readFileSync(new URL('../.oxlintrc.json', import.meta.url), 'utf8'));

  test('allows each package and service what the drawing has', () => {
    const drawn = arrowsOnPage(readPage(), 'packages');
    for (const { name, folder } of rooms()) {
      const allowed = allowedByLinter(config, `${folder}/src/**`, {
        all: '@slotcast/*',
        one: /^@slotcast\/(.+)$/,
      });
      assert.deepEqual(allowed, drawn.get(name), folder);
    }
  });

  test('allows each folder of domain what the drawing has', () => {
    for (const [name, drawn] of arrowsOnPage(readPage(), 'domain')) {
      const files = `packages/domain/src/${name}/**`;
      assert.deepEqual(
        allowedByLinter(config, files, { all: '../**', one: /^\.\.\/(.+)\/\*\*$/ }),
        drawn,
        files,
      );
      // The rule of a folder stands in place of the one of the package.
      assert.deepEqual(
        allowedByLinter(config, files, { all: '@slotcast/*', one: /^@slotcast\/(.+)$/ }),
        [],
        files,
      );
      assert.deepEqual(allowedByLinter(config, files, { all: 'node:*', one: /^node:(.+)$/ }), [], files);
    }
  });
});

describe('imports', options, () => {
  test('are found in all their forms, and not in comments', () => {
    const source = [
      "import a, { b } from '@slotcast/one';",
      "import type { C } from './two.ts';",
      'export {',
      '  d,',
      "} from '../three/d.ts';",
      "export * from './four.ts';",
      "import './five.ts';",
      "const e = await import('./six.ts');",
      "// import f from '@slotcast/seven';",
      "/** import g from './eight.ts'; */",
      "export const h = 'nine';",
    ].join('\n');
    assert.deepEqual(importsOf(source, 'x.ts').toSorted(), [
      '../three/d.ts',
      './five.ts',
      './four.ts',
      './six.ts',
      './two.ts',
      '@slotcast/one',
    ]);
  });

  test('that are written in another way are refused', () => {
    for (const source of [
      "const a = require('@slotcast/one');",
      'await import(name);',
      'await import(`./b.ts`);',
    ]) {
      assert.throws(() => importsOf(source, 'x.ts'), /x\.ts names modules/, source);
    }
  });
});

describe('arrows', options, () => {
  test('in a circle are found', () => {
    const arrows = arrowsOf(
      ['a', 'b', 'c', 'd'],
      [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'c' },
        { from: 'c', to: 'b' },
      ],
    );
    assert.deepEqual(findCycle(arrows), ['b', 'c', 'b']);
    assert.throws(() => fromTheTop(arrows), /b → c → b/);
  });
});
