import type { Config } from '@slotcast/config';
import { DEFAULT_PROOF_BYTES, isProofSize } from '@slotcast/domain';
import type { ConsumerControl } from '@slotcast/following';
import { isPatience, PATIENCE } from '@slotcast/kernel';
import type { HttpCommand } from '@slotcast/observability';
import { preparedPromotionJson, verifiedJson } from '@slotcast/views';
import { misuse, nodeCommand, slotOf } from './node-command.ts';

/** Paths of the commands that a running consumer takes. */
export const PREPARE_PATH = '/prepare-promotion';
export const ADOPT_PATH = '/adopt';
export const VERIFY_PATH = '/verify';

/** The commands of a running consumer. */
export function consumerCommands(
  control: ConsumerControl,
  config: Pick<Config, 'node' | 'cluster'>,
): ReadonlyMap<string, HttpCommand> {
  const prepare: HttpCommand = async (query, signal) =>
    preparedPromotionJson(await control.prepare(timeoutOf(query), signal));
  const adopt: HttpCommand = async (query, signal) => control.adopt(slotOf(query), signal);
  const verify: HttpCommand = async (query, signal) => {
    const slot = query.has('slot') ? slotOf(query) : undefined;
    const order = { slot, bytes: bytesOf(query), timeoutMs: timeoutOf(query) };
    return verifiedJson(config.node, await control.verify(order, signal));
  };
  return new Map([
    [PREPARE_PATH, nodeCommand('consumer', config, prepare)],
    [ADOPT_PATH, nodeCommand('consumer', config, adopt)],
    [VERIFY_PATH, nodeCommand('consumer', config, verify)],
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
