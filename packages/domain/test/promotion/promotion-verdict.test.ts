import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_SLOT,
  isSafePromotion,
  judgePromotion,
  type LocalSlot,
  parseSlotName,
  parseTimelineHistory,
  type ReadinessState,
  readinessStates,
  type SlotEvent,
  type SlotPromotionVerdict,
  timeline,
} from '@slotcast/domain';
import { at, firstTimeline, slotEvent } from '../event-examples.ts';
import { live, local } from '../following/plan-situations.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';

const END = at(0x5000);
const a = parseSlotName('a');

/** The verdict on slot `a`, which stands here at 0/2000 and on the primary at 0/3000 unless told. */
function judged(
  state: ReadinessState,
  over: {
    readonly here?: LocalSlot | null;
    readonly event?: SlotEvent | null;
    readonly reason?: string;
    readonly atRisk?: boolean;
    readonly unpinned?: boolean;
    readonly mayReplayMore?: boolean;
  } = {},
): readonly SlotPromotionVerdict[] {
  const { here = local('a'), event = published(0x3000), reason = '', atRisk, unpinned } = over;
  return judgePromotion({
    verdicts: [{ slot: a, state, reasons: reason === '' ? [] : [saying(reason)], atRisk, unpinned }],
    local: here === null ? [] : [here],
    published: new Map(event === null ? [] : [[event.slot, event]]),
    elsewhere: new Map(),
    history: firstTimeline,
    wanted: () => true,
    endOfWal: END,
    mayReplayMore: over.mayReplayMore ?? true,
  });
}

function published(confirmed: number, flushed = 0x9000): SlotEvent {
  return live('a', { confirmedFlushLsn: at(confirmed) }, { lsn: at(flushed) });
}

function riskOf(...situation: Parameters<typeof judged>): string | undefined {
  return judged(...situation)[0]?.risk;
}

describe('what a promotion would mean for a slot', { timeout: 20_000 }, () => {
  test('that was made beyond what the server has replayed is that it would be lost, if it is wanted', () => {
    const fresh = published(0x3000);
    const judge = (wanted: boolean) =>
      judgePromotion({
        verdicts: [],
        local: [],
        published: new Map([[fresh.slot, fresh]]),
        elsewhere: new Map(),
        history: firstTimeline,
        wanted: () => wanted,
        endOfWal: END,
        mayReplayMore: true,
      });
    assert.deepEqual(
      judge(true).map(({ slot, risk }) => [slot, risk]),
      [['a', 'not_ready']],
    );
    assert.deepEqual(judge(false), []);
  });

  test('is that it diverges when its subscriber went on, on a branch that this server does not come from', () => {
    const history = parseTimelineHistory(timeline(2), '1 0/3000');
    const judge = (confirmed: number): readonly SlotPromotionVerdict[] => {
      const event = published(confirmed);
      return judgePromotion({
        verdicts: [{ slot: a, state: 'ready', reasons: [] }],
        local: [local('a')],
        published: new Map(),
        elsewhere: new Map([[a, event]]),
        history,
        wanted: () => true,
        endOfWal: END,
        mayReplayMore: true,
      });
    };
    assert.deepEqual(
      [judge(0x3000), judge(0x3010)].map(([verdict]) => [verdict?.risk, verdict?.aheadBytes]),
      [
        ['none', 0n],
        ['diverged', 0x10n],
      ],
    );
  });

  test('is nothing for the canary, which is always a little ahead', () => {
    const event = live(CANARY_SLOT, { confirmedFlushLsn: at(0x6000) }, { lsn: at(0x9000) });
    const slots = judgePromotion({
      verdicts: [{ slot: CANARY_SLOT, state: 'catching_up', reasons: [] }],
      local: [],
      published: new Map([[event.slot, event]]),
      elsewhere: new Map(),
      history: firstTimeline,
      wanted: () => true,
      endOfWal: END,
      mayReplayMore: true,
    });
    assert.deepEqual(slots, []);
  });

  test('follows from its state when it is here and its subscriber is not ahead', () => {
    const expected: Readonly<Record<ReadinessState, string | undefined>> = {
      absent: undefined,
      catching_up: 'not_ready',
      ready: 'none',
      lagging: 'none',
      unheard: 'none',
      retrying: 'none',
      blocked: 'not_ready',
      conflict: 'not_ready',
      native: 'none',
      invalidated: undefined,
      diverged: 'not_ready',
    };
    for (const state of readinessStates) {
      assert.equal(riskOf(state), expected[state], state);
    }
  });

  test('is loss when the plan says that what stands here is at risk, in whatever state', () => {
    assert.equal(riskOf('ready', { atRisk: true, reason: 'a limit' }), 'not_ready');
  });

  test('is nothing without a pin once no WAL is left that could take its copy, and loss before', () => {
    const unpinned = { unpinned: true, reason: 'hot_standby_feedback is off' };
    assert.equal(riskOf('blocked', { ...unpinned, mayReplayMore: false }), 'none');
    const [atRisk] = judged('blocked', { ...unpinned, mayReplayMore: true });
    assert.deepEqual([atRisk?.risk, whyOf(atRisk)], ['not_ready', unpinned.reason]);
    assert.equal(
      riskOf('blocked', { mayReplayMore: false }),
      'not_ready',
      'it is blocked for something else',
    );
  });

  test('is loss in every state that matters when nothing usable is here', () => {
    const useless = [
      null,
      local('a', { temporary: true }),
      local('a', { confirmedFlushLsn: undefined }),
      local('a', { walStatus: 'lost' }),
      local('a', { invalidationReason: 'rows_removed' }),
      { ...physicalSlot('a'), temporary: false },
    ];
    for (const here of useless) {
      for (const state of ['ready', 'lagging', 'blocked', 'native', 'catching_up'] as const) {
        assert.equal(riskOf(state, { here }), 'not_ready', `${state} ${JSON.stringify(here?.type)}`);
      }
    }
  });

  test('gives the reason that the consumer gave, or says that there is no usable slot', () => {
    const reason = 'waiting for the subscriber to confirm';
    assert.equal(whyOf(judged('catching_up', { reason })[0]), reason);
    assert.match(whyOf(judged('ready', { here: null })[0]), /no usable slot/);
    assert.equal(whyOf(judged('ready')[0]), '');
  });

  test('is divergence when its subscriber has confirmed WAL that is not here', () => {
    const [verdict] = judged('ready', { event: published(0x5010) });
    assert.equal(verdict?.risk, 'diverged');
    assert.equal(verdict?.aheadBytes, 0x10n);
    assert.match(whyOf(verdict), /16 bytes/);
    assert.equal(verdict?.confirmedFlushLsn, at(0x2000));
    assert.equal(verdict?.publishedLsn, at(0x5010));
    assert.equal(riskOf('ready', { event: published(0x5000) }), 'none');
  });

  test('tells how far its subscriber is ahead, also when it could not take over', () => {
    const [verdict] = judged('catching_up', { event: published(0x5010), reason: 'waits' });
    assert.deepEqual([verdict?.risk, verdict?.aheadBytes, whyOf(verdict)], ['not_ready', 0x10n, 'waits']);
  });

  test('is not judged by a position that its server never had, nor by a drop', () => {
    const [odd] = judged('ready', { event: published(0xa000) });
    assert.deepEqual([odd?.risk, odd?.publishedLsn, odd?.aheadBytes], ['none', undefined, 0n]);
    assert.equal(riskOf('ready', { event: slotEvent('a', { lsn: 0x9000 }, { op: 'drop' }) }), 'none');
    assert.equal(riskOf('ready', { event: null }), 'none');
  });
});

test('a promotion is safe when no slot is at risk', () => {
  assert.equal(isSafePromotion([]), true);
  assert.equal(isSafePromotion(judged('ready')), true);
  assert.equal(isSafePromotion([...judged('ready'), ...judged('conflict')]), false);
  assert.equal(isSafePromotion(judged('ready', { event: published(0x5001) })), false);
});

test('a physical slot is listed with its state, and never a risk', () => {
  for (const state of ['ready', 'catching_up', 'conflict', 'blocked', 'lagging'] as const) {
    const reasons = [saying('keeps too little')];
    const [verdict] = judgePromotion({
      verdicts: [{ slot: a, state, reasons, atRisk: true, physical: true }],
      local: [],
      published: new Map(),
      elsewhere: new Map(),
      history: firstTimeline,
      wanted: () => true,
      endOfWal: END,
      mayReplayMore: true,
    });
    assert.deepEqual([verdict?.type, verdict?.risk, verdict?.state], ['physical', 'none', state]);
    assert.deepEqual(verdict?.reasons, reasons);
  }
});
