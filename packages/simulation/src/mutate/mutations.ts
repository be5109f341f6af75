/** A change to one source file: what is there exactly once, and what stands in its place. */
interface Edit {
  /** From the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A rule of slotcast that is broken on purpose. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const backlog = 'packages/domain/src/topics/event-backlog.ts';

/** Each must be found by a story that is told in `stories/mutations`, and breaks nothing with the sources as they are. */
export const mutations: readonly Mutation[] = [
  {
    name: 'drop-the-lsn-order-rule',
    edits: [
      {
        file: backlog,
        find: " === 'on_history' && event.lsn <= point.replayLsn",
        replace: " === 'on_history'",
      },
    ],
  },
  {
    name: 'ignore-the-epoch',
    edits: [
      {
        file: 'packages/domain/src/vocabulary/slot-event.ts',
        find: 'a.timeline - b.timeline || a.epoch - b.epoch || a.seq - b.seq',
        replace: 'a.timeline - b.timeline || a.seq - b.seq',
      },
      {
        file: 'packages/domain/src/promotion/unheard-time.ts',
        find: 'if (word === undefined || endedAtMs === undefined) {',
        replace: 'if (word === undefined || endedAtMs === undefined || endedAtMs >= 0) {',
      },
    ],
  },
  {
    name: 'skip-ownership',
    edits: [
      {
        file: 'packages/domain/src/following/plan-missing.ts',
        find: 'if (owned === undefined || !sameOwnership(owned, claimed)) {',
        replace: 'if (owned === undefined && !sameOwnership(claimed, claimed)) {',
      },
    ],
  },
  {
    name: 'apply-before-the-end-is-reached',
    edits: [
      {
        file: 'packages/event-log/src/replay-topic.ts',
        find: 'while (options.reader.position < options.end) {',
        replace: 'while (false as boolean) {',
      },
    ],
  },
  {
    name: 'copy-before-the-consistent-point',
    edits: [
      {
        file: 'packages/domain/src/following/slot-start.ts',
        find: 'if (confirmed === undefined || confirmed < probe.consistentPoint) {',
        replace: 'if (confirmed === undefined) {',
      },
    ],
  },
  {
    name: 'call-a-strayed-copy-sound',
    edits: [
      {
        file: 'packages/domain/src/following/copy-place.ts',
        find: '(furthest !== undefined && position <= furthest)',
        replace: 'furthest !== undefined',
      },
    ],
  },
  {
    name: 'no-fence',
    edits: [
      {
        file: 'packages/domain/src/promotion/wal-fence.ts',
        find: 'return [minLsn(confirmed, limit), minLsn(possible, limit)];',
        replace: 'return [];',
      },
      {
        file: 'packages/domain/src/promotion/unheard-time.ts',
        find: 'if (word === undefined || endedAtMs === undefined) {',
        replace: 'if (word === undefined || endedAtMs === undefined || endedAtMs >= 0) {',
      },
    ],
  },
  {
    name: 'silent-without-kafka',
    edits: [
      {
        file: 'packages/hand-off/src/unanswered-promotion.ts',
        find: 'if (before === undefined || this.#isAnswered(before) || now - since < PATIENCE_MS) {',
        replace:
          'if (before === undefined || before.endedAtMs !== undefined || this.#isAnswered(before) || now - since < PATIENCE_MS) {',
      },
    ],
  },
  {
    name: 'fence-after-the-claim',
    edits: [
      {
        file: 'packages/publishing/src/claim-topic.ts',
        find: 'const settled = await settleAll(slots, told, options);\n    const writer = await log.claim(identity.transactionalId);',
        replace:
          'const writer = await log.claim(identity.transactionalId);\n    const settled = await settleAll(slots, told, options);',
      },
      {
        file: 'packages/hand-off/src/recovery-guard.ts',
        find: "if (onDivergence !== 'fence') {",
        replace: "if (onDivergence !== 'fence' || onDivergence === 'fence') {",
      },
      {
        file: 'packages/hand-off/src/hand-off.ts',
        find: '(run) => run.makeSafe());',
        replace: '() => Promise.resolve(undefined));',
      },
      {
        file: 'packages/domain/src/promotion/unheard-time.ts',
        find: 'if (word === undefined || endedAtMs === undefined) {',
        replace: 'if (word === undefined || endedAtMs === undefined || endedAtMs >= 0) {',
      },
      // Without Kafka each slot is told of after a while, fence or not, which would hide it.
      {
        file: 'packages/hand-off/src/unanswered-promotion.ts',
        find: 'const PATIENCE_MS = 3000;',
        replace: 'const PATIENCE_MS = 3_000_000;',
      },
    ],
  },
  {
    name: 'drop-foreign-slots',
    edits: [
      {
        file: 'packages/domain/src/following/plan-gone.ts',
        find: "if (owned === undefined) {\n    return verdict(subject, 'absent', [why]);",
        replace:
          "if (owned === undefined && local === undefined) {\n    return verdict(subject, 'absent', [why]);",
      },
      {
        file: 'packages/domain/src/following/plan-conflict.ts',
        find: "if (input.policy.onConflict === 'replace') {",
        replace: 'if (input.policy.onConflict !== undefined) {',
      },
    ],
  },
];
