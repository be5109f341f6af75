import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { expectations } from './expectations.ts';
import { performancePage } from './page.ts';
import { plotAsSvg } from './plot.ts';
import { plots } from './plots.ts';
import { mergeResults, resultsAsJson } from './results.ts';
import { sampleLag, sampleLoads, sampleResults } from './sample-results.ts';
import { tableAsMarkdown, tableAsText } from './table.ts';
import { reportAsText } from './text.ts';
import { PAGE_FILE, PLOT_FILES, PLOTS_FOLDER, RESULTS_FILE, readResults } from './write-docs.ts';

const matrix = {
  cells: [
    sampleLag({ slots: 1, mbPerSecond: 0, p50: 20, nativeP50: 100 }),
    sampleLag({ slots: 1, mbPerSecond: 15, p50: 24, nativeP50: 120 }),
    sampleLag({ slots: 500, mbPerSecond: 30, p50: 4000, nativeP50: 8000, reached: 20 }),
  ],
  failed: [{ slots: 500, mbPerSecond: 5, message: 'no room' }],
};
const options = { timeout: 10_000 };

describe('tables', options, () => {
  const table = {
    title: 'T',
    rows: [
      ['', 'a|b'],
      ['one', '1.5'],
      ['three', '–'],
    ],
    notes: ['N'],
  };

  test('a terminal gets columns', () => {
    assert.equal(tableAsText(table), 'T\n         a|b\n  one    1.5\n  three    –\nN\n');
  });

  test('a page gets a table whose cells cannot end it', () => {
    assert.equal(tableAsMarkdown(table), '|  | a\\|b |\n| --- | ---: |\n| one | 1.5 |\n| three | – |\n\nN\n');
  });
});

describe('plots', options, () => {
  const plot = {
    title: 'a < b & "c"',
    xLabel: 'slots',
    yLabel: 'ms',
    xScale: 'linear',
    yScale: 'log',
    series: [
      {
        name: 's',
        points: [
          { x: 0, y: 1 },
          { x: 30, y: 100 },
        ],
        colour: 0,
        dashed: false,
      },
    ],
  } as const;

  test('values lie where their axes say, and text cannot end the image', () => {
    const svg = plotAsSvg(plot);
    assert.match(svg, /points="70,328 500,36"/);
    assert.match(svg, /aria-label="a &lt; b &amp; &quot;c&quot;"/);
    assert.match(svg, />slots</);
    assert.match(svg, />ms</);
    assert.match(svg, /prefers-color-scheme: dark/);
  });

  test('nothing to plot, and what a logarithm does not have, is refused', () => {
    assert.throws(() => plotAsSvg({ ...plot, series: [] }), RangeError);
    const series = [{ name: 's', points: [{ x: 1, y: 0 }], colour: 0, dashed: false }];
    assert.throws(() => plotAsSvg({ ...plot, series }), RangeError);
  });

  test('there is an image for each part that has figures for one', () => {
    assert.deepEqual([...plots({}).keys()], []);
    assert.deepEqual([...plots({ matrix }).keys()], ['lag.svg']);
  });
});

describe('the results', options, () => {
  test('a newer part takes the place of an older one, and the others stay', () => {
    const older = sampleResults({ matrix, memory: [] });
    const idle = {
      slots: 1,
      readySlots: 1,
      readyAfterSeconds: 1,
      equalAfterSeconds: 1,
      loads: sampleLoads(),
    };
    const merged = mergeResults(older, sampleResults({ memory: [idle] }));
    assert.deepEqual(Object.keys(merged.parts), ['matrix', 'memory']);
    assert.equal(merged.parts.memory?.length, 1);
  });

  test('a report names what failed', () => {
    const failures = [{ part: 'replay', message: 'no broker' }] as const;
    assert.match(reportAsText({ ...sampleResults({ matrix }), failures }), /FAILED TO RUN replay: no broker/);
  });

  test('a reader is told what to expect, and where the machine was the limit', () => {
    const sentences = expectations({ matrix }).join('\n');
    assert.match(sentences, /within 20–24 ms, 99 % within 48 ms.*0\.2 times/);
    assert.match(sentences, /does not keep up with 500 slots at 30 MB\/s/);
    assert.match(sentences, /did not reach the wanted write load with 500 slots at 30 MB\/s/);
  });
});

describe('docs/performance.md', options, () => {
  test('says what its results give, and nothing else', async () => {
    const results = await readResults();
    assert.equal(
      readFileSync(PAGE_FILE, 'utf8'),
      performancePage(results),
      'npm run bench -- --write-docs writes it',
    );
    assert.equal(readFileSync(RESULTS_FILE, 'utf8'), resultsAsJson(results));
  });

  test('has the images of its results', async () => {
    const images = plots((await readResults()).parts);
    for (const file of PLOT_FILES) {
      const path = new URL(file, PLOTS_FOLDER);
      assert.equal(existsSync(path) ? readFileSync(path, 'utf8') : undefined, images.get(file));
    }
  });
});
