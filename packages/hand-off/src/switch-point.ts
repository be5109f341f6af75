import { historyBefore, type Lsn, startOf, type TimelineHistory } from '@slotcast/domain';
import { isInRecovery, type PostgresConnection, readWalEnd } from '@slotcast/postgres';
import { type SeenCommits, seenCommits } from './ended-recovery.ts';
import { type HistorySources, readOwnHistory } from './own-history.ts';

/** Where a promoted server left its line of descent, and what was seen of that. */
export interface SwitchPoint extends SeenCommits {
  readonly history: TimelineHistory;
  /** The history until then. */
  readonly before: TimelineHistory;
  readonly switchLsn: Lsn;
}

/** `undefined` on a server that is in recovery, or was never promoted. */
export async function readSwitch(
  connection: PostgresConnection,
  sources: HistorySources,
): Promise<SwitchPoint | undefined> {
  const { signal } = sources;
  if (await isInRecovery(connection, signal)) {
    return undefined;
  }
  const life = await readWalEnd(connection, signal);
  const history = await readOwnHistory(life, sources);
  const start = startOf(history);
  const before = historyBefore(history);
  return start === undefined || before === undefined
    ? undefined
    : { history, before, switchLsn: start.switchLsn, ...seenCommits(sources.ended, { life, start }) };
}
