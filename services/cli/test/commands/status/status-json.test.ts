import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { reason, reasonText } from '@slotcast/domain';
import { statusJson } from '@slotcast/views';
import { z } from 'zod';
import { fullReport, NOW } from './status-examples.ts';

const PAGE = new URL('../../../../../docs/reference/status.md', import.meta.url);

/** Paths of all values in a JSON document, such as `nodes[].node`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => pathsOf(item, `${path}[]`));
  }
  // The facts of a reason are as many as it has.
  if (typeof value === 'object' && value !== null && !path.endsWith('.facts')) {
    return Object.entries(value).flatMap(([key, item]) =>
      pathsOf(item, path === '' ? key : `${path}.${key}`),
    );
  }
  // An object or a list that is missing here has its fields in another place of the example.
  return value === null ? [`${path}?`] : [path];
}

function fieldsOf(document: unknown): string[] {
  const paths = pathsOf(document);
  const valued = paths.filter((path) => !path.endsWith('?'));
  const missing = paths.filter((path) => path.endsWith('?')).map((path) => path.slice(0, -1));
  return [
    ...new Set([...valued, ...missing.filter((path) => !valued.some((other) => other.startsWith(path)))]),
  ];
}

/** Where the JSON says that something is wrong with the whole. */
const alarmsSchema = z.object({
  split_brain: z.unknown(),
  split_brain_reasons: z.unknown(),
  filter: z.unknown(),
  filter_reasons: z.unknown(),
  nodes: z.array(z.object({ node: z.string(), unfit: z.unknown(), unfit_reasons: z.unknown() })),
});

describe('the status as JSON', { timeout: 10_000 }, () => {
  const report = fullReport();
  const splitBrain = reason('split_brain', { timeline: '1', node: 'db1', rivals: 'db4' });
  const filterDoubt = reason('filter_selects_none', { filter: 'ordres', count: 2, names: ['orders_cdc'] });
  const view = { ...report.view, splitBrain, filterDoubt };
  const document: unknown = JSON.parse(JSON.stringify(statusJson({ ...report, view })));

  test('has exactly the fields of docs/reference/status.md', () => {
    const documented = [...readFileSync(PAGE, 'utf8').matchAll(/^\| `([^`]+)` \|/gm)].map(
      (match) => match[1] ?? '',
    );
    assert.deepEqual(fieldsOf(document).toSorted(byText), documented.toSorted(byText));
  });

  test('has each reason as a sentence, and by its code with facts', () => {
    assert.deepEqual(alarmsSchema.parse(document), {
      split_brain: reasonText([splitBrain]),
      split_brain_reasons: [splitBrain],
      filter: reasonText([filterDoubt]),
      filter_reasons: [
        { code: 'filter_selects_none', facts: { filter: 'ordres', count: '2', names: 'orders_cdc' } },
      ],
      nodes: [
        { node: 'db1', unfit: null, unfit_reasons: [] },
        { node: 'db2', unfit: null, unfit_reasons: [] },
        {
          node: 'db3',
          unfit:
            'has system identifier 42, the primary 7300000000000000001: it is no standby of this cluster',
          unfit_reasons: [{ code: 'unfit_system', facts: { here: '42', primary: '7300000000000000001' } }],
        },
      ],
    });
  });

  test('has LSNs and times as text, ages and lags as numbers', () => {
    assert.ok(typeof document === 'object' && document !== null);
    const { time, satisfied, publisher, slots, candidates, orphans } = statusParts(document);
    assert.equal(time, new Date(NOW).toISOString());
    assert.equal(satisfied, false);
    assert.deepEqual(publisher, {
      node: 'db1',
      epoch: 1,
      timeline: 1,
      lsn: '0/3100000',
      heartbeat_age_ms: 1000,
      silent: false,
      late: false,
    });
    assert.deepEqual(slots[1], {
      slot: 'orders_cdc',
      plugin: 'pgoutput',
      database: 'shop',
      restart_lsn: '0/2000000',
      confirmed_flush_lsn: '0/3008000',
      satisfied: true,
      copies: [
        {
          node: 'db2',
          state: 'ready',
          reason: '',
          reasons: [],
          ready: true,
          usable: true,
          restart_lsn: '0/2000000',
          confirmed_flush_lsn: '0/2FF0000',
          lag_bytes: 0x18000,
          lag_ms: 600_000,
          decoding_reason: 'no walsender',
          decoding_reasons: [{ code: 'no walsender', facts: {} }],
          proof: { age_ms: 60_000, transactions: 12, changes: 34 },
        },
        {
          node: 'db3',
          state: null,
          reason: 'db3 has not said anything of it as a standby',
          reasons: [{ code: 'not_said', facts: { node: 'db3' } }],
          ready: false,
          usable: false,
          restart_lsn: null,
          confirmed_flush_lsn: null,
          lag_bytes: null,
          lag_ms: null,
          decoding_reason: null,
          decoding_reasons: [],
          proof: null,
        },
      ],
    });
    assert.deepEqual(orphans, [
      {
        slot: 'returns_cdc',
        cause: 'missing',
        since: new Date(NOW - 7_200_000).toISOString(),
        copies: [
          {
            node: 'db2',
            slot: 'returns_cdc',
            stale: false,
            restart_lsn: '0/2000000',
            confirmed_flush_lsn: '0/2FF0000',
            wal_bytes: 0x110_0000,
            doubts: [{ code: 'feedback_off', facts: {} }],
          },
        ],
      },
    ]);
    assert.deepEqual(candidates, [
      {
        node: 'db2',
        stale: false,
        timeline: 1,
        wal_lsn: '0/3000000',
        lost: [
          {
            slot: 'audit_cdc',
            state: 'blocked',
            reason: 'no plugin',
            reasons: [{ code: 'no plugin', facts: {} }],
          },
        ],
        ahead: [{ slot: 'orders_cdc', confirmed_flush_lsn: '0/3008000', bytes: 0x8000, certain: true }],
        ahead_bytes: 0x8000,
      },
    ]);
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function statusParts(document: object) {
  assert.ok('time' in document && 'satisfied' in document && 'publisher' in document);
  assert.ok('slots' in document && Array.isArray(document.slots) && 'candidates' in document);
  assert.ok('orphans' in document);
  const slots: readonly unknown[] = document.slots;
  const { time, satisfied, publisher, candidates, orphans } = document;
  return { time, satisfied, publisher, slots, candidates, orphans };
}
