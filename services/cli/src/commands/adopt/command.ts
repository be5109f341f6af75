import { ADOPTION_MS, type SlotName } from '@slotcast/domain';
import { adoptAlone } from '@slotcast/following';
import { exitCodes } from '@slotcast/kernel';
import { ADOPT_PATH } from '@slotcast/node';
import { askConsumer } from '../../shared/ask-consumer.ts';
import type { PrintOptions } from '../../shared/command-scope.ts';
import { printLine } from '../../shared/output.ts';
import { onStandby } from '../../shared/standby-command.ts';

/** `slotcast adopt SLOT`: makes a slot on this standby that slotcast did not make its own, through the consumer if one runs. */
export async function runAdopt(slot: SlotName, options: PrintOptions): Promise<void> {
  await onStandby(options, async ({ config, consumer, signal }) => {
    const question = { config, path: ADOPT_PATH, parameters: { slot }, timeoutMs: ADOPTION_MS, signal };
    const answer = (await askConsumer(question)) ?? (await adoptAlone(consumer, slot, signal));
    if (options.output === 'json') {
      await printLine(JSON.stringify(answer));
      return exitCodes.ok.code;
    }
    const adopted = 'adopted' in answer && answer.adopted === true;
    await printLine(
      adopted
        ? `slot ${slot} on node ${config.node} is slotcast's now: it follows the primary's from here on`
        : `slot ${slot} on node ${config.node} is slotcast's already`,
    );
    return exitCodes.ok.code;
  });
}
