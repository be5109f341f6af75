import { type Lsn, type SlotFilters, wantsSlot } from '@slotcast/domain';
import { exitCodes, SlotcastError, systemClock } from '@slotcast/kernel';
import { explainError } from '@slotcast/node';
import { createLogger } from '@slotcast/observability';
import { type AsOf, rebuildSlots } from '@slotcast/rebuild';
import { rebuiltJson } from '@slotcast/views';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';
import { topicsContext } from '../../shared/topics-context.ts';
import { withEventLog } from '../../shared/with-event-log.ts';
import { rebuiltText } from './rebuilt-text.ts';

export interface RebuildOptions extends PrintOptions {
  readonly pgdata: string;
  readonly asOfLsn?: Lsn;
  /** Milliseconds since 1970. */
  readonly asOfTime?: number;
  readonly timeline?: number;
  readonly restoreCommand?: string;
  /** Milliseconds for one file. */
  readonly restoreTimeout: number;
  readonly slots?: SlotFilters;
  readonly dryRun: boolean;
}

/**
 * `slotcast rebuild`: puts the slots of the topic into the data directory of a stopped server. Exit code 0 when all that are wanted are there then, 3 when one could not be
 * put there, which the answer says why.
 */
export async function runRebuild(options: RebuildOptions): Promise<void> {
  const config = loadSettings(options, 'cli');
  const { pgdata, restoreCommand: command, restoreTimeout: timeoutMs, dryRun } = options;
  const filters = options.slots ?? config.slots;
  try {
    await untilInterrupted((signal) =>
      withEventLog(config, async (log) => {
        const { folder, server, verdicts } = await rebuildSlots({
          dataFolder: pgdata,
          node: config.node,
          asOf: asOfOf(options),
          restore: command === undefined ? undefined : { command, timeoutMs, signal },
          dryRun,
          wanted: (slot) => wantsSlot(filters, slot),
          topics: topicsContext(config, log, signal),
          clock: systemClock,
          logger: createLogger({ level: 'silent', fields: {} }),
          signal,
        });
        tellDoubts(folder.settings.doubts);
        const answer = rebuiltJson({ dataFolder: pgdata, dryRun, server, verdicts });
        await printLine(
          options.output === 'json' ? JSON.stringify(answer, undefined, 2) : rebuiltText(answer).join('\n'),
        );
        return answer.complete ? exitCodes.ok.code : exitCodes.negative.code;
      }),
    );
  } catch (error) {
    throw explainError(error);
  }
}

/** With other settings the server may not start with the slots that it has then. */
function tellDoubts(doubts: readonly string[]): void {
  for (const doubt of doubts) {
    process.stderr.write(
      `slotcast: check that the server runs with wal_level = logical and enough max_replication_slots: ${doubt}\n`,
    );
  }
}

function asOfOf({ asOfLsn, asOfTime, timeline }: RebuildOptions): AsOf | undefined {
  if (asOfLsn !== undefined && asOfTime !== undefined) {
    throw new SlotcastError('SC_USAGE', 'give --as-of-lsn or --as-of-time, not both');
  }
  if (asOfLsn !== undefined) {
    return { kind: 'lsn', lsn: asOfLsn, timeline };
  }
  return asOfTime === undefined ? undefined : { kind: 'time', time: asOfTime, timeline };
}
