import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type PreparedPromotion,
  parseLsn,
  parseSlotName,
  promotionRisks,
  reason,
  timeline,
} from '@slotcast/domain';
import { preparedPromotionJson } from '@slotcast/views';
import { read } from './support/deploy-files.ts';

const page = read('docs/reference/prepare-promotion.md');

/** The command itself adds it to what the domain says. */
const OF_THE_COMMAND = ['policy', 'better[].slot', 'better[].node', 'forced'];

const prepared: PreparedPromotion = {
  node: 'db2',
  timeline: timeline(1),
  replayLsn: parseLsn('0/3000000'),
  endOfWal: parseLsn('0/3000000'),
  publisherSilentMs: 12_000,
  drained: true,
  unknown: reason('not_drained'),
  filter: reason('filter_drops', { filter: 'a', drops: 2, keeps: 1 }),
  alarm: reason('topic_new'),
  slots: [
    {
      slot: parseSlotName('orders_cdc'),
      type: 'logical',
      risk: 'diverged',
      state: 'ready',
      reasons: [reason('ahead_of_wal', { bytes: 16n })],
      confirmedFlushLsn: parseLsn('0/2000000'),
      publishedLsn: parseLsn('0/3000100'),
      aheadBytes: 0x100n,
    },
  ],
};

/** Name and type of each value, as the page writes them. */
function fieldsOf(value: object, prefix = ''): string[][] {
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    Array.isArray(item)
      ? item.flatMap((each: object) => fieldsOf(each, `${prefix}${key}[].`))
      : [[`${prefix}${key}`, typeOf(item)]],
  );
}

function typeOf(value: unknown): string {
  if (typeof value === 'string') {
    return /^[0-9A-F]+\/[0-9A-F]+$/.test(value) ? 'LSN' : 'text';
  }
  return typeof value === 'boolean' ? 'flag' : typeof value;
}

describe('the page about the answer of prepare-promotion', { timeout: 10_000 }, () => {
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (\w+) \| (.*) \|$/gm)].map(
    ([, name = '', type = '', meaning = '']) => ({ name, type, meaning }),
  );

  test('has exactly its fields, in their order, with their types', () => {
    const documented = rows
      .filter(({ name }) => !OF_THE_COMMAND.includes(name))
      .map(({ name, type }) => [name, type]);
    assert.deepEqual(documented, fieldsOf(preparedPromotionJson(prepared)));
  });

  test('names each risk', () => {
    const meaning = rows.find(({ name }) => name === 'slots[].risk')?.meaning ?? '';
    for (const risk of promotionRisks) {
      assert.ok(meaning.includes(`\`${risk}\``), risk);
    }
  });
});
