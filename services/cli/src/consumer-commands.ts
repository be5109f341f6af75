import type { ConsumerControl } from '@slotcast/consumer';
import { parseSlotName, preparedPromotionJson } from '@slotcast/domain';
import { type Config, type HttpCommand, SlotcastError } from '@slotcast/runtime';

/** Paths of the commands that a running consumer takes. */
export const PREPARE_PATH = '/prepare-promotion';
export const ADOPT_PATH = '/adopt';

/** The commands of a running consumer, for one that is asked for by node and cluster. */
export function consumerCommands(
  control: ConsumerControl,
  { node, cluster }: Pick<Config, 'node' | 'cluster'>,
): ReadonlyMap<string, HttpCommand> {
  const checked =
    (command: HttpCommand): HttpCommand =>
    async (query) => {
      if (query.get('node') !== node || query.get('cluster') !== cluster) {
        throw new SlotcastError(
          'SC_OTHER_NODE',
          `the consumer here is that of node ${node} of cluster ${cluster}, not of node ${query.get('node')} of cluster ${query.get('cluster')}`,
        );
      }
      return command(query);
    };
  const prepare: HttpCommand = async (query) =>
    preparedPromotionJson(await control.prepare(Number(query.get('timeout_ms') ?? '10000')));
  const adopt: HttpCommand = async (query) => control.adopt(parseSlotName(query.get('slot') ?? ''));
  return new Map([
    [PREPARE_PATH, checked(prepare)],
    [ADOPT_PATH, checked(adopt)],
  ]);
}
