import type { SlotName } from '@slotcast/domain';
import { type ExitCode, exitCodes, SlotcastError } from '@slotcast/kernel';
import { VERIFY_PATH } from '@slotcast/node';
import { askConsumer } from '../../shared/ask-consumer.ts';
import type { PrintOptions } from '../../shared/command-scope.ts';
import { printLine } from '../../shared/output.ts';
import { onStandby } from '../../shared/standby-command.ts';
import { readVerified, type VerifiedAnswer, verifiedText } from './verified-text.ts';

export interface VerifyOptions extends PrintOptions {
  readonly slot?: SlotName;
  readonly bytes: number;
  readonly timeout: number;
}

/**
 * `slotcast verify`: whether the copies on this standby deliver what the slots on the primary do. Exit code 0 when all that could be compared do, 3 when one does not, and 1 when it
 * could not be told, or there was nothing to compare.
 */
export async function runVerify(options: VerifyOptions): Promise<void> {
  const { slot, bytes, timeout: timeoutMs, output } = options;
  await onStandby(options, async ({ config, signal }) => {
    const parameters = {
      bytes: String(bytes),
      timeout_ms: String(timeoutMs),
      ...(slot === undefined ? {} : { slot }),
    };
    const answer = await askConsumer({ config, path: VERIFY_PATH, parameters, timeoutMs, signal });
    if (answer === undefined) {
      throw new SlotcastError(
        'SC_NOT_FOLLOWING',
        `no consumer of node ${config.node} listens, and it is the consumer that compares its copies`,
      );
    }
    const verified = readVerified(answer);
    await printLine(
      output === 'json' ? JSON.stringify(verified, undefined, 2) : verifiedText(verified).join('\n'),
    );
    return exitCodeFor(verified);
  });
}

function exitCodeFor({ verdict }: VerifiedAnswer): ExitCode {
  switch (verdict) {
    case 'proven':
      return exitCodes.ok.code;
    case 'wrong':
      return exitCodes.negative.code;
    case 'nothing':
    case 'unknown':
      return exitCodes.failed.code;
  }
}
