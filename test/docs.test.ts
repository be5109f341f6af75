import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CONFIG_FILE_VARIABLE, configTable, plannedSettings } from '@slotcast/config';
import { errorCodes } from '@slotcast/kernel';

const options = { timeout: 20_000 };
const checkout = fileURLToPath(new URL('..', import.meta.url));

/** Pages by their path from the root of the checkout. */
const pages = new Map(
  [
    ...readdirSync(checkout).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(checkout, 'docs'), { recursive: true })
      .map((name) => join('docs', String(name)))
      .filter((name) => name.endsWith('.md')),
  ].map((name) => [name, readFileSync(join(checkout, name), 'utf8')]),
);

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Anchors as GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

interface Place {
  readonly page: string;
  readonly target: string;
}

const links: readonly Place[] = [...pages].flatMap(([page, text]) =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ page, target })),
);

/** Names of variables on a page, with the paragraph or list item that has them. A name that ends in `_` stands for all that begin so. */
function variablesOf(text: string): { name: string; paragraph: string }[] {
  return text
    .split(/\n(?:\s*\n|(?=[-|] ))/)
    .flatMap((paragraph) =>
      [...paragraph.matchAll(/\b(?:SLOTCAST|KAFKA)_[A-Z0-9_]+/g)].map(([name]) => ({ name, paragraph })),
    );
}

const settings = [...configTable.map((row) => row.name), CONFIG_FILE_VARIABLE];

/** The test suite's own variables, which the services ignore. */
const TEST_PREFIX = 'SLOTCAST_TEST_';

function isSetting(name: string): boolean {
  return name.endsWith('_') ? settings.some((setting) => setting.startsWith(name)) : settings.includes(name);
}

describe('the documentation', options, () => {
  test('has the pages that a reader looks for first', () => {
    for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']) {
      assert.ok(pages.has(page), page);
    }
    assert.ok(existsSync(join(checkout, 'LICENSE')));
  });

  test('links only to what exists', () => {
    const relative = links.filter(({ target }) => !/^[a-z]+:/.test(target));
    assert.ok(relative.length > 20, `only ${relative.length} links were found`);
    for (const { page, target } of relative) {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      assert.ok(existsSync(resolve(checkout, file)), `${page} links to ${target}`);
      const text = pages.get(file);
      assert.ok(
        anchor === undefined || (text !== undefined && anchorsOf(text).includes(anchor)),
        `${page} links to ${target}, which has no such heading`,
      );
    }
  });

  test('has every page linked from another one', () => {
    const linked = new Set(links.map(({ page, target }) => join(dirname(page), target.split('#')[0] ?? '')));
    for (const page of pages.keys()) {
      assert.ok(page === 'README.md' || linked.has(page), `no page links to ${page}`);
    }
  });

  test('names only settings that exist, or says that they are planned', () => {
    for (const [page, text] of pages) {
      for (const { name, paragraph } of variablesOf(text)) {
        const planned = plannedSettings.includes(name) && /\bplanned\b/i.test(paragraph);
        const ofTests = name.startsWith(TEST_PREFIX);
        assert.ok(isSetting(name) || planned || ofTests, `${page} names ${name}`);
      }
    }
  });

  test('names only error codes that exist', () => {
    for (const [page, text] of pages) {
      for (const [code] of text.matchAll(/\bSC_[A-Z_]+\b/g)) {
        assert.ok(code in errorCodes, `${page} names ${code}`);
      }
    }
  });

  test('names only source files and folders that exist', () => {
    for (const [page, text] of pages) {
      for (const [, path = ''] of text.matchAll(
        /`((?:packages|services|test|scripts|docs|deploy)\/[^`\s*]*)`/g,
      )) {
        assert.ok(existsSync(join(checkout, path)), `${page} names ${path}`);
      }
    }
  });
});
