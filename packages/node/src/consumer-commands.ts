import type { Config } from '@slotcast/config';
import { DEFAULT_PROOF_BYTES, isProofSize, isSlotName, type SlotName } from '@slotcast/domain';
import type { ConsumerControl } from '@slotcast/following';
import { isPatience, PATIENCE, SlotcastError } from '@slotcast/kernel';
import type { HttpCommand } from '@slotcast/observability';
import { preparedPromotionJson, verifiedJson } from '@slotcast/views';
import { explainError } from './explain-error.ts';

/** Paths of the commands that a running consumer takes. */
export const PREPARE_PATH = '/prepare-promotion';
export const ADOPT_PATH = '/adopt';
export const VERIFY_PATH = '/verify';

/** The commands of a running consumer, for one that is asked for by node and cluster. */
export function consumerCommands(
  control: ConsumerControl,
  { node, cluster }: Pick<Config, 'node' | 'cluster'>,
): ReadonlyMap<string, HttpCommand> {
  const checked =
    (command: HttpCommand): HttpCommand =>
    async (query, signal) => {
      if (query.get('node') !== node || query.get('cluster') !== cluster) {
        throw new SlotcastError(
          'SC_OTHER_NODE',
          `the consumer here is that of node ${node} of cluster ${cluster}, not of node ${query.get('node')} of cluster ${query.get('cluster')}`,
        );
      }
      try {
        return await command(query, signal);
      } catch (error) {
        // The errors of Kafka and PostgreSQL keep their code on the way to whoever asked.
        throw explainError(error);
      }
    };
  const prepare: HttpCommand = async (query, signal) =>
    preparedPromotionJson(await control.prepare(timeoutOf(query), signal));
  const adopt: HttpCommand = async (query, signal) => control.adopt(slotOf(query), signal);
  const verify: HttpCommand = async (query, signal) => {
    const slot = query.has('slot') ? slotOf(query) : undefined;
    const order = { slot, bytes: bytesOf(query), timeoutMs: timeoutOf(query) };
    return verifiedJson(node, await control.verify(order, signal));
  };
  return new Map([
    [PREPARE_PATH, checked(prepare)],
    [ADOPT_PATH, checked(adopt)],
    [VERIFY_PATH, checked(verify)],
  ]);
}

function timeoutOf(query: URLSearchParams): number {
  const text = query.get('timeout_ms') ?? '10000';
  const ms = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!isPatience(ms)) {
    throw misuse(`timeout_ms=${text}: expected ${PATIENCE}, in milliseconds`);
  }
  return ms;
}

function bytesOf(query: URLSearchParams): bigint {
  const text = query.get('bytes') ?? String(DEFAULT_PROOF_BYTES);
  const bytes = /^[0-9]{1,12}$/.test(text) ? BigInt(text) : 0n;
  if (!isProofSize(bytes)) {
    throw misuse(`bytes=${text}: expected a number of bytes from 1 MB to 1 GB`);
  }
  return bytes;
}

function slotOf(query: URLSearchParams): SlotName {
  const text = query.get('slot') ?? '';
  if (!isSlotName(text)) {
    throw misuse(`slot=${text}: a slot name has 1 to 63 of a-z, 0-9 and _`);
  }
  return text;
}

function misuse(message: string): SlotcastError {
  return new SlotcastError('SC_USAGE', message, {
    remedy: 'Ask with the `slotcast` command of the same version.',
  });
}
