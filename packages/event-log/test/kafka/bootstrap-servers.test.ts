import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BootstrapServers } from '@slotcast/event-log';

const TIMEOUT = { timeout: 5_000 };

/** The next entries, in the order in which they are asked. */
function take(servers: BootstrapServers, count: number): readonly string[] {
  return Array.from({ length: count }, () => servers.next());
}

describe('the bootstrap servers', () => {
  test('are asked in turns, from the given one on', TIMEOUT, () => {
    const servers = new BootstrapServers(['a:1', 'b:1', 'c:1'], 1);
    assert.deepEqual(take(servers, 4), ['b:1', 'c:1', 'a:1', 'b:1']);
  });

  test('are passed over when they failed, as long as another one has not', TIMEOUT, () => {
    const servers = new BootstrapServers(['a:1', 'b:1', 'c:1'], 0);
    servers.failed('a:1');
    assert.deepEqual(new Set(take(servers, 6)), new Set(['b:1', 'c:1']));
    servers.failed('c:1');
    assert.deepEqual(take(servers, 3), ['b:1', 'b:1', 'b:1']);
  });

  test('are asked again when all have failed, the one that failed last as the last', TIMEOUT, () => {
    const servers = new BootstrapServers(['a:1', 'b:1', 'c:1'], 0);
    ['b:1', 'a:1', 'c:1'].forEach((address) => servers.failed(address));
    assert.equal(servers.next(), 'b:1');
    servers.failed('b:1');
    assert.equal(servers.next(), 'a:1');
  });

  test('come in turns again once they have answered', TIMEOUT, () => {
    const servers = new BootstrapServers(['a:1', 'b:1'], 0);
    servers.failed('a:1');
    servers.answered('a:1');
    assert.deepEqual(new Set(take(servers, 2)), new Set(['a:1', 'b:1']));
  });

  test('may be one alone', TIMEOUT, () => {
    const servers = new BootstrapServers(['a:1']);
    servers.failed('a:1');
    assert.deepEqual(take(servers, 2), ['a:1', 'a:1']);
  });
});
