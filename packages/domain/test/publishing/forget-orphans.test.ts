import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  forgetOrphans,
  OrphanAges,
  type OrphanedSlot,
  orphansAfter,
  type SlotChange,
} from '@slotcast/domain';
import { logicalSlot } from '../vocabulary-examples.ts';

const state = logicalSlot('a');
const first = { epoch: 1, seq: 1 };
const second = { epoch: 2, seq: 1 };
const orphan: OrphanedSlot = { name: state.name, incarnation: first, cause: 'missing', since: 1000 };

function forget(over: Partial<Parameters<typeof forgetOrphans>[0]>) {
  const published = new Map([[state.name, { state, incarnation: first, publishedAt: 0 }]]);
  return forgetOrphans({
    orphans: [orphan],
    published,
    asked: new Set(),
    retentionMs: undefined,
    ageMs: () => 4000,
    changes: [],
    ...over,
  });
}

describe('an orphaned slot', { timeout: 20_000 }, () => {
  test('is kept for ever unless somebody says otherwise', () => {
    assert.deepEqual(forget({ ageMs: () => Number.MAX_SAFE_INTEGER }), { orphans: [], changes: [] });
  });

  test('is dropped from the topic when a person names it, and leaves the list', () => {
    const { orphans, changes } = forget({ asked: new Set([state.name]) });
    assert.deepEqual(orphans, [orphan]);
    assert.deepEqual(changes, [{ kind: 'drop', previous: state, incarnation: first }]);
    assert.deepEqual(orphansAfter([orphan], changes, 5000), []);
  });

  test('leaves the slot alone that has its name now', () => {
    const published = new Map([[state.name, { state, incarnation: second, publishedAt: 0 }]]);
    const { changes } = forget({ published, asked: new Set([state.name]) });
    assert.deepEqual(changes, [{ kind: 'forget', name: state.name, incarnation: first }]);
    assert.deepEqual(orphansAfter([orphan], changes, 5000), []);
  });

  test('goes when its time is over, and not before', () => {
    assert.deepEqual(forget({ retentionMs: 4001 }).orphans, []);
    assert.deepEqual(forget({ retentionMs: 4000 }).orphans, [orphan]);
  });

  test('is as old as one process has seen it orphaned, whatever clock was right when that began', () => {
    for (const since of [0, 1_800_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const [ages, dated] = [new OrphanAges(), { ...orphan, since }];
      const given = (monotonicMs: number): readonly OrphanedSlot[] => {
        ages.look([dated], monotonicMs);
        const ageMs = (each: OrphanedSlot): number => ages.ageMs(each, monotonicMs);
        return forget({ orphans: [dated], retentionMs: 4000, ageMs }).orphans;
      };
      assert.deepEqual([given(900_000), given(903_999), given(904_000)], [[], [], [dated]]);
    }
  });

  test('begins anew where it was not orphaned in between, though nobody looked then', () => {
    const ages = new OrphanAges();
    ages.look([orphan], 1000);
    assert.equal(ages.ageMs({ ...orphan, since: 2000 }, 9000), 0);
    ages.look([{ ...orphan, since: 2000 }], 3000);
    assert.equal(ages.ageMs({ ...orphan, since: 2000 }, 9000), 6000);
    ages.look([], 4000);
    ages.look([orphan], 5000);
    assert.equal(ages.ageMs(orphan, 9000), 4000);
  });

  test('waits for its turn while something else is published of its name', () => {
    const changes: SlotChange[] = [{ kind: 'update', state, incarnation: first }];
    assert.deepEqual(forget({ asked: new Set([state.name]), changes }), { orphans: [], changes: [] });
  });
});
