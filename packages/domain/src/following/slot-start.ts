import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import { waitsForTransactions } from '../vocabulary/open-transaction.ts';
import { databaseKey, databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import { ANCHOR_IS_MADE } from './making-pin.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { findObstacle } from './slot-obstacle.ts';
import { type SlotAction, type SlotVerdict, verdict } from './slot-verdict.ts';

/** From where a slot can be made here. */
interface StartingPoint {
  readonly database: SlotDatabase;
  readonly plugin: string;
  readonly consistentPoint: Lsn;
}

/** The point that a copy of the database's temporary slot starts from, once its subscriber has confirmed that; else what is waited for. */
export function findStart(input: PlanInput, subject: LiveSubject): StartingPoint | SlotVerdict {
  const { name, confirmed, state } = subject;
  const { allowedPlugins } = input.policy;
  const { plugin } = state;
  const obstacle = findObstacle(plugin, { ...input, allowedPlugins });
  if (obstacle !== undefined) {
    return verdict(subject, 'blocked', obstacle);
  }
  const waits = (reason: string, next?: SlotAction): SlotVerdict => ({
    ...verdict(subject, 'catching_up', reason, next),
    needsProbe: true,
  });
  const database = databaseOf(state);
  const probe = input.probes.get(databaseKey(database));
  if (probe === undefined) {
    return waits(...beginProbe(input, { slot: name, database, plugin }));
  }
  if (probe.pin === 'lost') {
    return waits('begins again, as catalog rows that it needs may not have been held back on the primary');
  }
  if (probe.pin === 'awaited') {
    return waits(PROBE_IS_MADE);
  }
  if (probe.consistentPoint === undefined) {
    return waits(waitsForTransactions(input.oldestTransaction));
  }
  if (confirmed === undefined || confirmed < probe.consistentPoint) {
    return waits(waitsForConsumer(subject, probe.consistentPoint));
  }
  return { database, plugin, consistentPoint: probe.consistentPoint };
}

const PROBE_IS_MADE = 'a temporary slot is being made to find where decoding may start';

/**
 * A slot that is begun before the primary holds back catalog rows for it may lack some of them: it is invalidated, or looks healthy and fails
 * when it is used. So nothing is begun that counts before another slot had them held back.
 */
function beginProbe(
  { making }: PlanInput,
  slot: Pick<Extract<SlotAction, { kind: 'anchor' }>, 'slot' | 'database' | 'plugin'>,
): [reason: string, next?: SlotAction] {
  switch (making.kind) {
    case 'none':
      return [ANCHOR_IS_MADE, { kind: 'anchor', ...slot }];
    case 'awaited':
      return [making.reason];
    case 'held':
      return [PROBE_IS_MADE, { kind: 'probe', ...slot, under: making.under }];
  }
}

/** What a slot that was made here at `position` waits for. */
export function waitsForConsumer({ name, confirmed }: LiveSubject, position: Lsn): string {
  const now = confirmed === undefined ? 'nothing' : formatLsn(confirmed);
  return `waits for the consumer of slot ${name} on the primary to confirm ${formatLsn(position)} (now ${now})`;
}
