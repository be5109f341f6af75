import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { awaitsWord, findSilence, LATE_MS, type PublisherWord } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { textOf } from '../reason-examples.ts';

/** A publisher that spoke a moment ago, at the end of all WAL that the standby has. */
function word(over: Partial<PublisherWord> = {}): PublisherWord {
  return {
    publisher: 'alpha',
    silentMs: 1000,
    staleMs: 60_000,
    wordLsn: at(0x5000),
    askedEnd: at(0x5000),
    endOfWal: at(0x5000),
    ...over,
  };
}

describe('what happened on the primary', { timeout: 10_000 }, () => {
  test('is known up to the last word of its publisher', () => {
    assert.equal(findSilence(word()), undefined);
    assert.equal(findSilence(word({ wordLsn: at(0x6000) })), undefined);
    assert.equal(findSilence(word({ silentMs: 60_000 })), undefined);
  });

  test('is not known once the publisher has been silent for as long as is configured, or was never heard of', () => {
    assert.match(textOf(findSilence(word({ silentMs: 64_000 }))), /beside alpha has said nothing for 64 s/);
    assert.match(textOf(findSilence(word({ silentMs: Number.POSITIVE_INFINITY }))), /nothing yet/);
  });

  test('is not known where WAL was received after the last word, and nobody speaks any more', () => {
    const dead = word({ silentMs: 20_000, askedEnd: at(0x5038), endOfWal: at(0x5038) });
    assert.match(textOf(findSilence(dead)), /^56 bytes of WAL were received after .*alpha \(0\/5000\)/);
    assert.equal(awaitsWord(dead), false, 'nothing more comes');
    const died = word({ silentMs: LATE_MS + 1, endOfWal: at(0x5038) });
    assert.notEqual(
      findSilence(died),
      undefined,
      'WAL that came while it was waited for, from a primary that died',
    );
  });

  test('is waited for while the publisher lives: its next word covers the WAL that was here when it was asked', () => {
    const busy = word({ askedEnd: at(0x5038), endOfWal: at(0x7000) });
    assert.equal(awaitsWord(busy), true);
    assert.match(textOf(findSilence(busy)), /^56 bytes of WAL/);
    const spoken = { ...busy, wordLsn: at(0x5038) };
    assert.deepEqual([awaitsWord(spoken), findSilence(spoken)], [false, undefined]);
  });
});
