import { fenceTargets, type RaisedFence } from '@slotcast/domain';
import { connectPostgres } from '@slotcast/postgres';
import type { HandOffOptions } from './hand-off.ts';
import type { HistorySources } from './own-history.ts';
import { readSwitch } from './switch-point.ts';
import { tryFence } from './wal-fence.ts';

/**
 * Raises the fence alone, as far as the topics tell, when the end of recovery was seen. For a process that may have to wait before it does
 * the rest. Without a pass where the server refuses it (`tryFence`).
 */
export async function raiseFenceEarly(
  options: HistorySources & Pick<HandOffOptions, 'knowledge' | 'onDivergence'>,
): Promise<readonly RaisedFence[]> {
  const { postgres, knowledge, ended, onDivergence, signal, logger } = options;
  if (onDivergence !== 'fence' || ended === undefined) {
    return [];
  }
  const connection = await connectPostgres({ ...postgres, signal });
  try {
    const point = await readSwitch(connection, options);
    if (point === undefined) {
      return [];
    }
    const { before, switchLsn, baseline } = point;
    const targets = fenceTargets({ ...knowledge.publishedOn(before), switchLsn });
    return await tryFence({ connection, targets, baseline, signal, logger });
  } finally {
    await connection.close();
  }
}
