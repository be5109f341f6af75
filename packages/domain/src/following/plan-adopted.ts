import { reason, reasonText } from '../reasons/reason.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type LocalSlot, type SlotState, xidPrecedesOrEquals } from '../vocabulary/slot-state.ts';
import { judgePin } from './catalog-pin.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { findStart } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

const WHY = reason('adopted_unproven');

/**
 * A slot that somebody else made and slotcast adopted. Nobody saw the pin before it was begun, so rows that it needs may be gone, unless the
 * primary's own slot needs them, too. Until that is certain it is replaced as soon as a sound one can be made.
 */
export function planAdopted(
  input: PlanInput,
  subject: LiveSubject,
  made: { readonly owned: Ownership; readonly local: LocalSlot },
): SlotVerdict {
  const { name } = subject;
  const newest = input.waiting.get(name)?.newest ?? subject.event;
  const isPinned = judgePin(input.pin, made.local.catalogXmin).kind === 'held';
  if (isPinned && needsNoMore(made.local, newest.state)) {
    return verdict(subject, 'catching_up', [reason('pin_proven')], {
      kind: 'own',
      slot: name,
      ownership: { ...made.owned, proven: true },
    });
  }
  const start = findStart(input, subject);
  if ('state' in start) {
    return { ...start, reasons: [WHY, ...start.reasons], atRisk: true };
  }
  const drop = { kind: 'drop', slot: name, reason: reasonText([WHY]), isReplaced: true } as const;
  return {
    ...verdict(subject, 'catching_up', [reason('making_again')], drop),
    needsProbe: true,
    atRisk: true,
  };
}

/** True when the slot here needs no catalog row and no WAL that the primary's own slot does not need, which never needs more than it did. */
export function needsNoMore(local: LocalSlot, onPrimary: SlotState | undefined): boolean {
  const { catalogXmin, restartLsn } = onPrimary ?? {};
  return (
    catalogXmin !== undefined &&
    restartLsn !== undefined &&
    local.catalogXmin !== undefined &&
    local.restartLsn !== undefined &&
    xidPrecedesOrEquals(catalogXmin, local.catalogXmin) &&
    restartLsn <= local.restartLsn
  );
}
