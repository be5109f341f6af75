import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { matchesFilters, parseSlotFilters } from '@slotcast/domain';
import * as fc from 'fast-check';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const slots = [
  logicalSlot('orders_cdc'),
  logicalSlot('orders_audit', { plugin: 'wal2json' }),
  logicalSlot('billing', { plugin: 'test_decoding', database: 'Billing' }),
  physicalSlot('standby_1'),
  physicalSlot('standby_2'),
];

function wanted(text: string): string[] {
  const filters = parseSlotFilters(text);
  return slots.filter((slot) => matchesFilters(filters, slot)).map((slot) => slot.name);
}

/** LIKE by its definition; exponential, for short texts only. */
function likeByDefinition(pattern: string, text: string): boolean {
  const head = pattern[0];
  if (head === undefined) {
    return text === '';
  }
  const rest = pattern.slice(1);
  if (head === '%') {
    return likeByDefinition(rest, text) || (text !== '' && likeByDefinition(pattern, text.slice(1)));
  }
  if (head === '\\') {
    return rest[0] === text[0] && likeByDefinition(rest.slice(1), text.slice(1));
  }
  return text !== '' && (head === '_' || head === text[0]) && likeByDefinition(rest, text.slice(1));
}

describe('slot filters', { timeout: 20_000 }, () => {
  const cases: [text: string, names: string[]][] = [
    ['', []],
    ['  ', []],
    ['name:billing', ['billing']],
    ['billing', ['billing']],
    ['orders_cdc, billing', ['orders_cdc', 'billing']],
    [' name : billing ', ['billing']],
    ['NAME:Billing', ['billing']],
    ['name_like:%', ['orders_cdc', 'orders_audit', 'billing']],
    ['name_like:%%', ['orders_cdc', 'orders_audit', 'billing']],
    ['name_like:ORDERS\\_%', ['orders_cdc', 'orders_audit']],
    ['name_like:orders', []],
    ['name_like:_illing', ['billing']],
    ['name_like:%cdc', ['orders_cdc']],
    ['plugin:wal2json', ['orders_audit']],
    ['plugin:WAL2JSON', ['orders_audit']],
    ['plugin:"WAL2JSON"', []],
    ['"plugin:wal2json"', ['orders_audit']],
    ['plugin:wal2json,plugin:test_decoding', ['orders_audit', 'billing']],
    ['database:Billing', ['billing']],
    ['database:billing', []],
    ['type:logical', ['orders_cdc', 'orders_audit', 'billing']],
    ['type:physical', ['standby_1', 'standby_2']],
    ['standby_1', ['standby_1']],
    ['name_like:standby%', []],
    ['name_like:%,type:physical', slots.map((slot) => slot.name)],
    ['type:physical,!name_like:%2', ['standby_1']],
    ['name_like:orders%,!orders_audit', ['orders_cdc']],
    ['!orders_audit,orders_audit,billing', ['billing']],
    ['! plugin:wal2json', ['orders_cdc', 'billing']],
    ['!billing,!plugin:pgoutput', ['orders_audit']],
    ['!type:logical', []],
  ];
  for (const [text, names] of cases) {
    test(`${JSON.stringify(text)} wants ${names.length === 0 ? 'nothing' : names.join(', ')}`, () => {
      assert.deepEqual(wanted(text), names);
    });
  }

  test('quotes protect commas, colons and quotes of a database name', () => {
    const odd = { name: 'a', type: 'logical', database: 'a,b:c"d' } as const;
    assert.equal(matchesFilters(parseSlotFilters('database:"a,b:c""d"'), odd), true);
    assert.equal(matchesFilters(parseSlotFilters('x,"database:a,b:c""d"'), odd), true);
    assert.equal(matchesFilters(parseSlotFilters('database:"a,b:c"'), odd), false);
  });

  const mistakes: [text: string, message: RegExp][] = [
    [
      'orders,plugni:x',
      /"plugni:x": unknown key "plugni"; known keys are name, name_like, plugin, database, type/,
    ],
    ['a,,b', /"": the entry is empty/],
    ['a,', /the entry is empty/],
    ['!', /"!": the entry is empty/],
    ['name:', /nothing stands after "name:"/],
    ['plugin:a:b', /"plugin:a:b": .*one colon/],
    ['name:a%', /"name:a%": no slot can have this name .*name_like:/],
    ['"Orders"', /no slot can have this name/],
    ['name_like:a\\', /escape character/],
    ['type:logic', /"type:logic": .*logical or physical/],
    ['name:"a', /quote is not closed/],
  ];
  for (const [text, message] of mistakes) {
    test(`${JSON.stringify(text)} is rejected with the entry and the reason`, () => {
      assert.throws(() => parseSlotFilters(text), { name: 'RangeError', message });
    });
  }

  test('name_like follows the definition of SQL LIKE', () => {
    const piece = fc.constantFrom('a', 'b', '_', '%', '\\_', '\\a', '\\\\');
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '_'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 7 }), name, (pieces, name) => {
        const pattern = pieces.join('');
        assert.equal(
          matchesFilters(parseSlotFilters(`name_like:${pattern}`), { name, type: 'logical' }),
          likeByDefinition(pattern, name),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('a pattern of many wildcards on the longest name is answered at once', () => {
    const filters = parseSlotFilters(`name_like:${'%a'.repeat(100)}b`);
    assert.equal(matchesFilters(filters, { name: 'a'.repeat(63), type: 'logical' }), false);
  });

  test('adding an entry only widens the choice, adding an exclusion only narrows it', () => {
    const entry = fc.constantFrom(
      'billing',
      'name_like:orders%',
      'plugin:wal2json',
      'database:shop',
      'type:physical',
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1 }), entry, (list, more) => {
        const before = wanted(list.join(','));
        const wider = wanted([...list, more].join(','));
        const narrower = wanted([...list, `!${more}`].join(','));
        assert.ok(before.every((name) => wider.includes(name)));
        assert.ok(narrower.every((name) => before.includes(name)));
      }),
    );
  });
});
