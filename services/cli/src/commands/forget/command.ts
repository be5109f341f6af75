import type { SlotName } from '@slotcast/domain';
import { exitCodes, SlotcastError } from '@slotcast/kernel';
import { FORGET_PATH } from '@slotcast/node';
import { askConsumer } from '../../shared/ask-consumer.ts';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';

/** A publisher answers with its next round; it may have to wait for Kafka meanwhile. */
const ANSWER_MS = 10_000;

/** `slotcast forget SLOT`: gives up what is orphaned of that name, on all nodes, through the publisher beside the primary. */
export async function runForget(slot: SlotName, options: PrintOptions): Promise<void> {
  await untilInterrupted(async (signal) => {
    const answer = await askPublisher(slot, options, signal);
    const forgotten = 'forgotten' in answer ? Number(answer.forgotten) : 0;
    await printLine(
      options.output === 'json'
        ? JSON.stringify(answer)
        : `gave up ${forgotten} orphaned ${forgotten === 1 ? 'slot' : 'slots'} of the name ${slot}: every node drops its copy`,
    );
    return exitCodes.ok.code;
  });
}

/** It is the publisher of a whole node, or one by itself, which has another address unless that is set. */
async function askPublisher(slot: SlotName, options: PrintOptions, signal: AbortSignal): Promise<object> {
  const alone = loadSettings(options, 'publisher');
  const whole = loadSettings(options, 'node');
  const isSame = JSON.stringify(alone.httpListen) === JSON.stringify(whole.httpListen);
  for (const config of isSame ? [whole] : [alone, whole]) {
    const question = { config, path: FORGET_PATH, parameters: { slot }, timeoutMs: ANSWER_MS, signal };
    const answer = await askConsumer({ ...question, service: 'publisher' });
    if (answer !== undefined) {
      return answer;
    }
  }
  throw new SlotcastError('SC_NOT_PUBLISHING', `no publisher of node ${whole.node} listens here`);
}
