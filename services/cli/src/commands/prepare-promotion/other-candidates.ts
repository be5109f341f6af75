import { type Config, filterText } from '@slotcast/config';
import { type Candidate, clusterView, matchesFilters, type OtherCandidate } from '@slotcast/domain';
import type { ConsumerOptions } from '@slotcast/following';
import { Deadline, errorText } from '@slotcast/kernel';
import { ClusterReader } from '@slotcast/topics';

/** There is no primary meanwhile. */
const READ_MS = 3000;

/** The other standbys, by the topics; `undefined`, with a word on stderr, when they cannot be read in time. */
export async function readOthers(
  config: Config,
  { log, codec, slotsTopic, nodesTopic, clock }: ConsumerOptions,
  signal: AbortSignal,
): Promise<readonly OtherCandidate[] | undefined> {
  using deadline = new Deadline(signal, READ_MS);
  try {
    const records = await ClusterReader.read({ log, codec, slotsTopic, nodesTopic, clock }, deadline.signal);
    try {
      const facts = records.facts();
      return facts === undefined
        ? undefined
        : clusterView({
            facts,
            wanted: (slot) => matchesFilters(config.slots, slot),
            filter: filterText(config),
            heartbeatStaleMs: config.lagMaxMs,
            now: clock.now(),
            monotonicMs: clock.monotonicMs(),
          })
            .candidates.filter(({ node }) => node !== config.node)
            .map(otherCandidate);
    } finally {
      await records.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    process.stderr.write(`slotcast: the other standbys could not be looked at: ${errorText(error)}\n`);
    return undefined;
  }
}

/** Only what is certain of it makes another one better: it may be ahead where its record is older than the slot's last move. */
function otherCandidate({ node, stale, lost, ahead, aheadBytes }: Candidate): OtherCandidate {
  return {
    node,
    stale: stale || aheadBytes === undefined,
    lost: new Set(lost.map(({ slot }) => slot)),
    ahead: new Set(ahead.map(({ slot }) => slot)),
  };
}
