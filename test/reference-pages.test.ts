import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { configTable, plannedSettings } from '@slotcast/config';
import { errorCodes, exitCodes } from '@slotcast/kernel';
import {
  commonMetrics,
  consumerMetrics,
  createConsumerMetrics,
  createPublisherMetrics,
  publisherMetrics,
} from '@slotcast/observability';

const options = { timeout: 10_000 };

function page(name: string): string {
  return readFileSync(new URL(`../docs/reference/${name}`, import.meta.url), 'utf8');
}

/** The cells of every table row that begins with a name in code font. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => /^\| `[^`]+` \|/.test(line))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    );
}

describe('the reference pages', options, () => {
  test('list every setting with its default and help, and nothing else', () => {
    const expected = configTable.map((row) => [`\`${row.name}\``, documentedDefault(row), row.help]);
    assert.deepEqual(rowsOf(page('configuration.md')), expected);
  });

  test('name the settings that are planned', () => {
    for (const name of plannedSettings) {
      assert.ok(page('configuration.md').includes(`\`${name}\``), name);
    }
  });

  test('list every error code with exit code, meaning and remedy, and nothing else', () => {
    const expected = Object.entries(errorCodes).map(([code, row]) => [
      `\`${code}\``,
      String(exitCodes[row.exit].code),
      row.meaning,
      row.remedy,
    ]);
    assert.deepEqual(rowsOf(page('errors.md')), expected);
  });

  test('list every exit code, and nothing else', () => {
    const expected = Object.values(exitCodes).map(({ code, meaning }) => [`\`${code}\``, meaning]);
    assert.deepEqual(rowsOf(page('exit-codes.md')), [
      ...expected,
      ['`128+n`', 'ended by the signal with the number n'],
    ]);
  });

  test('list every metric with type, labels and help, and nothing else', () => {
    const rows = [commonMetrics, publisherMetrics, consumerMetrics].flatMap((table) => Object.values(table));
    const expected = rows.map((row) => [
      `\`${row.name}\``,
      row.type,
      row.labels.map((label: string) => `\`${label}\``).join(', '),
      row.help,
    ]);
    assert.deepEqual(rowsOf(page('metrics.md')), expected);
  });
});

function documentedDefault(row: (typeof configTable)[number]): string {
  if (row.required) {
    return 'required';
  }
  if (row.default === undefined) {
    return 'none';
  }
  if (typeof row.default === 'string') {
    return `\`${row.default}\``;
  }
  return 'hostName' in row.default
    ? 'host name'
    : `\`${row.default.node}\` node and consumer, \`${row.default.publisher}\` publisher`;
}

test('every declared metric is created, and no other of that prefix', options, async () => {
  const build = { version: '1', node: 'n', cluster: 'c' };
  const cases = [
    { made: createPublisherMetrics(build), declared: publisherMetrics },
    { made: createConsumerMetrics(build), declared: consumerMetrics },
  ];
  for (const { made, declared } of cases) {
    const created = made.registry.getMetricsAsArray().map((metric) => metric.name);
    const expected = [commonMetrics, declared]
      .flatMap((table) => Object.values(table))
      .map((row) => row.name);
    assert.deepEqual(
      new Set(created.filter((name) => name.startsWith('slotcast_'))),
      new Set<string>(expected),
    );
    assert.ok(created.includes('process_resident_memory_bytes'));
  }
});
