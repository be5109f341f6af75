import { type ProofResult, proofResults } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import { counted, textTable, type VerifiedJson } from '@slotcast/views';
import { z } from 'zod';
import { printable } from '../../shared/output.ts';

/** What `slotcast verify` prints as JSON; a consumer of another version may add fields. */
const verifiedSchema = z.object({
  verdict: z.enum(proofResults),
  node: z.string(),
  slots: z.array(
    z.object({
      slot: z.string(),
      result: z.enum(proofResults),
      reason: z.string(),
      reasons: z.array(z.object({ code: z.string(), facts: z.record(z.string(), z.string()) })),
      transactions: z.number().nullable(),
      changes: z.number().nullable(),
      from_lsn: z.string().nullable(),
      to_lsn: z.string().nullable(),
      time: z.string().nullable(),
    }),
  ),
});

export type VerifiedAnswer = z.output<typeof verifiedSchema>;

/** Reads the answer of a consumer. Throws a SlotcastError when it is something else. */
export function readVerified(answer: object | VerifiedJson): VerifiedAnswer {
  const parsed = verifiedSchema.safeParse(answer);
  if (!parsed.success) {
    throw new SlotcastError(
      'SC_OTHER_NODE',
      `the consumer of this node answered with something else: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}

const words: Readonly<Record<ProofResult, string>> = {
  proven: 'proven',
  wrong: 'WRONG',
  nothing: 'nothing to compare',
  unknown: 'cannot tell',
};

/** The answer for people: the verdict first, then each slot. */
export function verifiedText(verified: VerifiedAnswer): readonly string[] {
  const head = ['', 'slot', 'compared', 'from', 'to', ''];
  const rows = verified.slots.map((slot) => [
    words[slot.result],
    printable(slot.slot),
    slot.transactions === null ? '-' : comparedText(slot.transactions, slot.changes ?? 0),
    slot.from_lsn ?? '-',
    slot.to_lsn ?? '-',
    printable(slot.reason),
  ]);
  return [verdictLine(verified), ...(rows.length === 0 ? [] : ['', ...textTable([head, ...rows])])];
}

function verdictLine({ verdict, node, slots }: VerifiedAnswer): string {
  const of = (wanted: ProofResult): string =>
    `${slots.filter(({ result }) => result === wanted).length} of ${counted(slots.length, 'slot')}`;
  const here = `on node ${printable(node)}`;
  switch (verdict) {
    case 'proven':
      return `proven: ${of('proven')} ${here} delivered what the primary's did`;
    case 'wrong':
      return `wrong: ${of('wrong')} ${here} would not deliver what the primary's do: do not promote it before they are made again`;
    case 'nothing':
      return slots.length === 0
        ? `nothing to compare: there is no slot of slotcast's ${here}`
        : `nothing to compare ${here}: no slot had a transaction that its subscriber has not confirmed`;
    case 'unknown':
      return `cannot tell: ${of('unknown')} ${here} could not be compared`;
  }
}

function comparedText(transactions: number, changes: number): string {
  return `${counted(transactions, 'transaction')}, ${counted(changes, 'change')}`;
}
