import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { type Fields, fields, lacks, list, pathOf, read, succeed } from './support/deploy-files.ts';
import { checkExpression, metricsOf } from './support/metric-names.ts';

const options = { timeout: 60_000 };
const severities = ['critical', 'warning', 'info'];

const groups = list(fields(parse(read('deploy/prometheus/alerts.yml'))).get('groups')).map(fields);
const rules = groups.flatMap((group) => list(group.get('rules')).map(fields));
const alerts = rules.filter((rule) => rule.has('alert'));

function textOf(map: Fields, name: string): string {
  const text = map.get(name);
  assert.ok(typeof text === 'string', `${name} is no text in ${JSON.stringify(Object.fromEntries(map))}`);
  return text;
}

describe('deploy/prometheus', options, () => {
  test('reports the loss of protection first', () => {
    assert.equal(alerts[0]?.get('alert'), 'SlotcastProtectionLost');
  });

  test('names only metrics, labels and states that exist', () => {
    for (const rule of rules) {
      checkExpression(textOf(rule, 'expr'), String(rule.get('alert') ?? rule.get('record')));
    }
    assert.ok(rules.flatMap((rule) => metricsOf(textOf(rule, 'expr'))).length > 30);
  });

  test('uses only recorded series that it records', () => {
    const recorded = new Set(rules.map((rule) => rule.get('record')));
    for (const rule of rules) {
      for (const [name] of textOf(rule, 'expr').matchAll(/\bslotcast:[\w:]+/g)) {
        assert.ok(recorded.has(name), name);
      }
    }
  });

  test('gives each alert a severity, texts, and a page that exists', () => {
    for (const alert of alerts) {
      const name = textOf(alert, 'alert');
      assert.ok(severities.includes(textOf(fields(alert.get('labels')), 'severity')), name);
      const annotations = fields(alert.get('annotations'));
      assert.ok(textOf(annotations, 'summary') !== '' && textOf(annotations, 'description') !== '', name);
      assert.ok(existsSync(pathOf(textOf(annotations, 'runbook'))), name);
    }
  });

  test('has the alerts that the page about monitoring explains, in the same order and with the same severity', () => {
    const page = read('docs/operating/monitoring.md');
    const explained = [...page.matchAll(/^\| `(Slotcast\w+)` \| (\w+) \|/gm)].map(([, name, severity]) => ({
      name,
      severity,
    }));
    assert.deepEqual(
      explained,
      alerts.map((alert) => ({
        name: alert.get('alert'),
        severity: fields(alert.get('labels')).get('severity'),
      })),
    );
  });

  test('has a test for each alert', () => {
    const tests = read('deploy/prometheus/alerts.test.yml');
    for (const alert of alerts) {
      const name = textOf(alert, 'alert');
      assert.match(tests, new RegExp(`alertname: ${name}\\n|alertname: ${name}, exp_alerts`), name);
    }
  });

  test('has configuration and rules that Prometheus accepts', { skip: lacks('promtool') }, () => {
    succeed('promtool', ['check', 'config', pathOf('deploy/prometheus/prometheus.yml')]);
    succeed('promtool', ['check', 'rules', pathOf('deploy/prometheus/alerts.yml')]);
  });

  test('has rules that fire when they should, and only then', { skip: lacks('promtool') }, () => {
    succeed('promtool', ['test', 'rules', pathOf('deploy/prometheus/alerts.test.yml')]);
  });
});
