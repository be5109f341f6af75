import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlotName } from '@slotcast/domain';
import { nodeKey, nodeSlotKey, parseNodeKey, parseNodeName } from '@slotcast/event-schema';
import * as fc from 'fast-check';
import { anyNodeName, anySlotName } from './arbitraries.ts';

test('a key of the nodes topic is read back as the node and slot that it was made of', {
  timeout: 10_000,
}, () => {
  fc.assert(
    fc.property(anyNodeName, anySlotName, (node, slot) => {
      assert.deepEqual(parseNodeKey(nodeKey(node)), { node });
      assert.deepEqual(parseNodeKey(nodeSlotKey(node, slot)), { node, slot });
    }),
  );
});

test('a node may be named as people name hosts', { timeout: 10_000 }, () => {
  for (const name of [
    'db1',
    'db-1.example.com:5432',
    'Knoten Süd',
    '数据库',
    '🐘',
    'x'.repeat(255),
    '🐘'.repeat(255),
  ]) {
    assert.equal(parseNodeName(name), name);
  }
});

test('a name that would break keys or headers is refused', { timeout: 10_000 }, () => {
  for (const name of ['', 'a/b', '/', 'a\nb', 'a\u0000', '\u007f', '\ud800', 'x'.repeat(256)]) {
    assert.throws(() => parseNodeName(name), RangeError, JSON.stringify(name));
    assert.throws(() => nodeSlotKey(name, parseSlotName('s')), RangeError, JSON.stringify(name));
  }
});

test('a key that names no node and no slot is refused', { timeout: 10_000 }, () => {
  for (const key of ['', '/', 'node/', '/slot', 'node/slot/more', 'node/Upper', 'node/@manifest']) {
    assert.throws(() => parseNodeKey(key), RangeError, JSON.stringify(key));
  }
});
