import {
  LATE_MS,
  type PromotionDecision,
  type PromotionPolicy,
  promotionRisks,
  slotTypes,
} from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import { counted, durationText, type PreparedPromotionJson, textTable } from '@slotcast/views';
import { z } from 'zod';
import { printable } from '../../shared/output.ts';

const reasonsSchema = z.array(z.object({ code: z.string(), facts: z.record(z.string(), z.string()) }));

/** What `slotcast prepare-promotion` prints as JSON; a consumer of another version may add fields. */
const preparedSchema = z.object({
  safe: z.boolean(),
  node: z.string(),
  timeline: z.number(),
  replay_lsn: z.string(),
  end_of_wal: z.string(),
  publisher_silent_ms: z.number().nullable(),
  drained: z.boolean(),
  cannot_tell: z.string().nullable(),
  cannot_tell_reasons: reasonsSchema,
  filter: z.string().nullable(),
  filter_reasons: reasonsSchema,
  alarm: z.string().nullable(),
  alarm_reasons: reasonsSchema,
  slots: z.array(
    z.object({
      slot: z.string(),
      // That of an earlier version judges logical slots only, and does not say so.
      type: z.enum(slotTypes).default('logical'),
      risk: z.enum(promotionRisks),
      // A consumer of a later version may have more of them.
      state: z.string(),
      reason: z.string(),
      reasons: reasonsSchema,
      confirmed_flush_lsn: z.string().nullable(),
      published_lsn: z.string().nullable(),
      ahead_bytes: z.number(),
    }),
  ),
});

/** The same as it was written, with names and numbers that are no longer checked. */
export type PreparedAnswer = z.output<typeof preparedSchema>;

/** Reads the answer of a consumer, or this process's own. Throws a SlotcastError when it is something else. */
export function readPrepared(answer: object | PreparedPromotionJson): PreparedAnswer {
  const parsed = preparedSchema.safeParse(answer);
  if (!parsed.success) {
    throw new SlotcastError(
      'SC_OTHER_NODE',
      `the consumer of this node answered with something else: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}

/** True when the answer is no; else, if it is not safe, nobody knows. */
export function isUnsafe({ alarm, filter, slots }: PreparedAnswer): boolean {
  return alarm !== null || filter !== null || slots.some(({ risk }) => risk !== 'none');
}

/** What is to be done by the answer, and why. */
export interface PromotionVerdictText {
  readonly forced: boolean;
  readonly policy: PromotionPolicy;
  readonly decision: PromotionDecision;
}

/** The answer for people: the verdict first, then each slot at risk with the reason. */
export function preparedText(prepared: PreparedAnswer, verdict: PromotionVerdictText): string {
  const risky = prepared.slots.filter(({ risk }) => risk !== 'none');
  return [
    verdictLine(prepared, risky.length, goingOn(verdict)),
    ...betterLines(verdict.decision),
    ...circumstances(prepared),
    ...slotLines(prepared),
  ].join('\n');
}

/** Why it goes on although not all is well. */
function goingOn({ forced, policy, decision }: PromotionVerdictText): string {
  if (forced) {
    return ', and --force was given: go on';
  }
  if (decision.kind !== 'go') {
    return '';
  }
  return policy === 'balanced'
    ? ', which neither waiting nor another standby would better: go on'
    : `, and the policy is ${policy}: go on`;
}

function betterLines(decision: PromotionDecision): string[] {
  return decision.kind === 'stop'
    ? decision.better.map(({ slot, node }) => printable(`${node} could take over ${slot}, and loses no more`))
    : [];
}

function verdictLine(prepared: PreparedAnswer, risky: number, forcedText: string): string {
  if (prepared.safe) {
    return `safe: node ${prepared.node} can be promoted, with ${counted(prepared.slots.length, 'slot')}`;
  }
  if (prepared.alarm !== null) {
    return `unsafe: ${prepared.alarm}${forcedText}`;
  }
  if (risky > 0) {
    return `unsafe: a promotion of node ${prepared.node} would not be safe for ${counted(risky, 'slot')} of ${prepared.slots.length}${forcedText}`;
  }
  if (prepared.filter !== null) {
    return `unsafe: ${printable(prepared.filter)}${forcedText}`;
  }
  return `cannot tell: ${prepared.cannot_tell ?? 'the answer of the consumer does not say why'}${forcedText}`;
}

function circumstances(prepared: PreparedAnswer): string[] {
  const { timeline, replay_lsn, end_of_wal, publisher_silent_ms, slots } = prepared;
  const isRisky = slots.some(({ risk }) => risk !== 'none');
  const lines = [`timeline ${timeline}, replayed up to ${replay_lsn} of ${end_of_wal}`];
  if (publisher_silent_ms !== null && publisher_silent_ms <= LATE_MS) {
    lines.push(
      'the publisher was heard of a moment ago: if the primary still runs, stop it before you promote',
    );
  } else if (publisher_silent_ms !== null) {
    lines.push(`the publisher was last heard of ${durationText(publisher_silent_ms)} ago`);
  }
  // The first line has the gravest reason only.
  if (prepared.filter !== null && isRisky) {
    lines.push(printable(prepared.filter));
  }
  if (prepared.cannot_tell !== null && isUnsafe(prepared)) {
    lines.push(`besides, not all is known: ${prepared.cannot_tell}`);
  }
  return lines;
}

/** What is missing of a physical slot is no risk, and worth knowing. */
function isRemark({ type, reason }: PreparedAnswer['slots'][number]): boolean {
  return type === 'physical' && reason !== '';
}

function slotLines({ slots }: PreparedAnswer): string[] {
  if (slots.length === 0) {
    return [];
  }
  const head = ['', 'slot', 'state', 'here', 'confirmed', ''];
  const rows = slots.map((slot) => [
    slot.risk === 'none'
      ? isRemark(slot)
        ? 'note'
        : 'ok'
      : slot.risk === 'diverged'
        ? 'DIVERGED'
        : 'NOT READY',
    printable(slot.slot),
    printable(slot.state),
    slot.confirmed_flush_lsn ?? '-',
    slot.published_lsn ?? '-',
    printable(slot.reason),
  ]);
  return ['', ...textTable([head, ...rows])];
}
