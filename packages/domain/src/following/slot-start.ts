import { reason } from '../reasons/reason.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { OpenTransaction } from '../vocabulary/open-transaction.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { databaseKey, databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
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
  const waits = (reasons: readonly Reason[], next?: SlotAction): SlotVerdict => ({
    ...verdict(subject, 'catching_up', reasons, next),
    needsProbe: true,
  });
  const database = databaseOf(state);
  const probe = input.probes.get(databaseKey(database));
  if (probe === undefined) {
    return waits(...beginProbe(input, { slot: name, database, plugin }));
  }
  if (probe.pin === 'lost') {
    return waits([reason('probe_lost')]);
  }
  if (probe.pin === 'awaited') {
    return waits([reason('making_probe')]);
  }
  if (probe.consistentPoint === undefined) {
    return waits([waitsForTransactions(input.oldestTransaction)]);
  }
  if (confirmed === undefined || confirmed < probe.consistentPoint) {
    return waits([waitsForSubscriber(subject, probe.consistentPoint)]);
  }
  return { database, plugin, consistentPoint: probe.consistentPoint };
}

/**
 * A slot that is begun before the primary holds back catalog rows for it may lack some of them: it is invalidated, or looks healthy and fails
 * when it is used. So nothing is begun that counts before another slot had them held back.
 */
function beginProbe(
  { making }: PlanInput,
  slot: Pick<Extract<SlotAction, { kind: 'anchor' }>, 'slot' | 'database' | 'plugin'>,
): [reasons: readonly Reason[], next?: SlotAction] {
  switch (making.kind) {
    case 'none':
      return [[reason('making_anchor')], { kind: 'anchor', ...slot }];
    case 'awaited':
      return [making.reasons];
    case 'held':
      return [[reason('making_probe')], { kind: 'probe', ...slot, under: making.under }];
  }
}

/** What a slot that was made here at `position` waits for. */
export function waitsForSubscriber({ name, confirmed }: LiveSubject, position: Lsn): Reason {
  return reason('waits_subscriber', { slot: name, position, now: confirmed });
}

/** What the making of a slot on a standby waits for, as long as the server looks for a point where decoding may start. */
export function waitsForTransactions(oldest: OpenTransaction | undefined): Reason {
  return reason('waits_transactions', { ...oldest });
}
