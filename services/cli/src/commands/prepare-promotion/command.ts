import { prepareAlone } from '@slotcast/following';
import { exitCodes } from '@slotcast/kernel';
import { PREPARE_PATH } from '@slotcast/node';
import { preparedPromotionJson } from '@slotcast/views';
import { askConsumer } from '../../shared/ask-consumer.ts';
import type { PrintOptions } from '../../shared/command-scope.ts';
import { printLine } from '../../shared/output.ts';
import { onStandby } from '../../shared/standby-command.ts';
import { isUnsafe, preparedText, readPrepared } from './prepared-text.ts';

export interface PrepareOptions extends PrintOptions {
  readonly timeout: number;
  readonly force: boolean;
}

/**
 * `slotcast prepare-promotion`: the last drain before this standby is promoted, and whether that would be safe: exit code 0 when it is or
 * `--force` was given, 3 when it is not, any other when it could not be told.
 */
export async function runPreparePromotion(options: PrepareOptions): Promise<void> {
  const { timeout: timeoutMs, force, output } = options;
  await onStandby(options, async ({ config, consumer, signal }) => {
    const parameters = { timeout_ms: String(timeoutMs) };
    const answer =
      (await askConsumer({ config, path: PREPARE_PATH, parameters, timeoutMs, signal })) ??
      preparedPromotionJson(await prepareAlone(consumer, timeoutMs, signal));
    const prepared = readPrepared(answer);
    if (output === 'json') {
      await printLine(JSON.stringify({ ...prepared, forced: force }, undefined, 2));
    } else {
      await printLine(preparedText(prepared, force));
    }
    if (prepared.safe || force) {
      return exitCodes.ok.code;
    }
    return isUnsafe(prepared) ? exitCodes.negative.code : exitCodes.failed.code;
  });
}
