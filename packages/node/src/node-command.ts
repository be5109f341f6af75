import type { Config } from '@slotcast/config';
import { isSlotName, type SlotName } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import type { HttpCommand } from '@slotcast/observability';
import { explainError } from './explain-error.ts';

/** A command of a running service, for one that is asked for by node and cluster. `service` is what the answer calls it. */
export function nodeCommand(
  service: string,
  { node, cluster }: Pick<Config, 'node' | 'cluster'>,
  command: HttpCommand,
): HttpCommand {
  return async (query, signal) => {
    if (query.get('node') !== node || query.get('cluster') !== cluster) {
      throw new SlotcastError(
        'SC_OTHER_NODE',
        `the ${service} here is that of node ${node} of cluster ${cluster}, not of node ${query.get('node')} of cluster ${query.get('cluster')}`,
      );
    }
    try {
      return await command(query, signal);
    } catch (error) {
      // The errors of Kafka and PostgreSQL keep their code on the way to whoever asked.
      throw explainError(error);
    }
  };
}

/** The slot that a command is about. Throws a SlotcastError SC_USAGE when it is no name of one. */
export function slotOf(query: URLSearchParams): SlotName {
  const text = query.get('slot') ?? '';
  if (!isSlotName(text)) {
    throw misuse(`slot=${text}: a slot name has 1 to 63 of a-z, 0-9 and _`);
  }
  return text;
}

export function misuse(message: string): SlotcastError {
  return new SlotcastError('SC_USAGE', message, {
    remedy: 'Ask with the `slotcast` command of the same version.',
  });
}
