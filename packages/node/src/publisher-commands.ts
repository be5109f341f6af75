import type { Config } from '@slotcast/config';
import type { HttpCommand } from '@slotcast/observability';
import type { Forgetting } from '@slotcast/publishing';
import { nodeCommand, slotOf } from './node-command.ts';

/** Path of the command that a running publisher takes. */
export const FORGET_PATH = '/forget';

/** The commands of a running publisher. */
export function publisherCommands(
  forgetting: Pick<Forgetting, 'ask'>,
  config: Pick<Config, 'node' | 'cluster'>,
): ReadonlyMap<string, HttpCommand> {
  const forget: HttpCommand = (query) => forgetting.ask(slotOf(query));
  return new Map([[FORGET_PATH, nodeCommand('publisher', config, forget)]]);
}
