import type { Config } from '@slotcast/config';
import { decidePromotion, type PromotionDecision, type PromotionPolicy } from '@slotcast/domain';
import { type ConsumerOptions, prepareAlone } from '@slotcast/following';
import { type ExitCode, exitCodes } from '@slotcast/kernel';
import { PREPARE_PATH } from '@slotcast/node';
import { preparedPromotionJson } from '@slotcast/views';
import { askConsumer } from '../../shared/ask-consumer.ts';
import type { PrintOptions } from '../../shared/command-scope.ts';
import { printLine } from '../../shared/output.ts';
import { onStandby } from '../../shared/standby-command.ts';
import { readOthers } from './other-candidates.ts';
import { isUnsafe, type PreparedAnswer, preparedText, readPrepared } from './prepared-text.ts';

export interface PrepareOptions extends PrintOptions {
  readonly timeout: number;
  readonly policy: PromotionPolicy;
  readonly force: boolean;
}

/**
 * `slotcast prepare-promotion`: the last drain before this standby is promoted, and whether it should be, by the policy: exit code 0 when it should or
 * `--force` was given, 3 when it should not, any other when it could not be told.
 */
export async function runPreparePromotion(options: PrepareOptions): Promise<void> {
  const { timeout: timeoutMs, policy, force, output } = options;
  await onStandby(options, async ({ config, consumer, signal }) => {
    const parameters = { timeout_ms: String(timeoutMs) };
    const answer =
      (await askConsumer({ config, path: PREPARE_PATH, parameters, timeoutMs, signal })) ??
      preparedPromotionJson(await prepareAlone(consumer, timeoutMs, signal));
    const prepared = readPrepared(answer);
    const decision = await decide(prepared, policy, { config, consumer, signal });
    if (output === 'json') {
      const better = decision.kind === 'stop' ? decision.better : [];
      await printLine(JSON.stringify({ ...prepared, policy, better, forced: force }, undefined, 2));
    } else {
      await printLine(preparedText(prepared, { forced: force, policy, decision }));
    }
    return force ? exitCodes.ok.code : exitCodeOf(decision);
  });
}

async function decide(
  prepared: PreparedAnswer,
  policy: PromotionPolicy,
  {
    config,
    consumer,
    signal,
  }: { readonly config: Config; readonly consumer: ConsumerOptions; readonly signal: AbortSignal },
): Promise<PromotionDecision> {
  const { slots, alarm_reasons, alarm, filter, drained, safe, cannot_tell, publisher_silent_ms } = prepared;
  const isAtRisk = slots.some(({ risk }) => risk !== 'none');
  return decidePromotion({
    policy,
    slots,
    alarm: alarm === null ? undefined : (alarm_reasons[0]?.code ?? alarm),
    isFilterDoubted: filter !== null,
    // A consumer of a later version may know of more that speaks against it.
    isKnown: drained && cannot_tell === null && (safe || isUnsafe(prepared)),
    publisherSilentMs: publisher_silent_ms ?? Number.POSITIVE_INFINITY,
    others: policy === 'balanced' && isAtRisk ? await readOthers(config, consumer, signal) : undefined,
  });
}

function exitCodeOf({ kind }: PromotionDecision): ExitCode {
  switch (kind) {
    case 'go':
      return exitCodes.ok.code;
    case 'stop':
      return exitCodes.negative.code;
    case 'cannot_tell':
      return exitCodes.failed.code;
  }
}
