import { judgePredecessor, type PredecessorVerdict } from '@slotcast/domain';
import type { SlotsReader } from '@slotcast/topics';
import type { ClaimOptions } from './claim-topic.ts';

/** The nodes topic is looked at this often for what became of the other server. */
const LOOK_MS = 500;

/**
 * Resolves when no other publisher is at work, or when the one that is has had its time. Nothing is committed here: by the record of the hand-off that one knows of this server, and it
 * tells that it is at work. `onLook`: called each time when something may have been heard.
 */
export async function awaitPredecessor(
  slots: SlotsReader,
  options: ClaimOptions,
  onLook: () => Promise<void>,
): Promise<void> {
  const { clock, nodes, progressed, onRival, signal } = options;
  const telling = new Telling(options);
  let started = clock.monotonicMs();
  let heardAt: number | undefined;
  let newest = slots.topic.last;
  for (;;) {
    const askedAt = clock.monotonicMs();
    await nodes.readToEnd(signal);
    const now = clock.monotonicMs();
    if (now - askedAt > LOOK_MS) {
      // While Kafka does not answer nobody is heard, and a publisher that is at work may need a while to get through again.
      started = heardAt === undefined ? now : started + now - askedAt;
      heardAt &&= now;
    }
    // Whatever it wrote, and whenever it came: one that arrives each time while something else is waited for would never be heard.
    if (slots.topic.last !== newest) {
      newest = slots.topic.last;
      heardAt = now;
    }
    const verdict = judge(slots, options, { listenedMs: now - started, heardMs: sinceOf(heardAt, now) });
    const rival = slots.manifest?.node;
    if (verdict.kind !== 'listen') {
      onRival(verdict.kind === 'at_work' ? rival : undefined);
      telling.ended(verdict.kind, rival);
      return;
    }
    telling.listens(verdict.isHeard, rival);
    onRival(verdict.isHeard ? rival : undefined);
    progressed();
    await slots.nextWithin(Math.min(LOOK_MS, verdict.forMs), signal);
    await onLook();
  }
}

function sinceOf(at: number | undefined, now: number): number | undefined {
  return at === undefined ? undefined : now - at;
}

function judge(
  slots: SlotsReader,
  { topics, nodes, identity, server }: ClaimOptions,
  times: { readonly listenedMs: number; readonly heardMs: number | undefined },
): PredecessorVerdict {
  const { manifest } = slots.topic;
  const { newestAt } = topics.silence.clocks;
  return judgePredecessor({
    manifest: manifest?.record,
    own: { node: identity.node, timeline: server.history.timeline },
    record: manifest && nodes.nodes.get(manifest.record.node),
    behindNewestMs: newestAt - (manifest?.writtenAt ?? newestAt),
    patienceMs: identity.demotionWaitMs,
    ...times,
  });
}

/** What is said of it, each thing once. */
class Telling {
  readonly #options: ClaimOptions;
  #listens = false;
  #isHeard = false;

  constructor(options: ClaimOptions) {
    this.#options = options;
  }

  listens(isHeard: boolean, rival: string | undefined): void {
    const { logger, identity, server } = this.#options;
    const { timeline } = server.history;
    if (!this.#listens) {
      logger.info(
        { node: rival },
        'the server was promoted: listening whether the publisher before is at work',
      );
    }
    if (isHeard && !this.#isHeard) {
      logger.error(
        { code: 'SC_SPLIT_BRAIN', rival, timeline, waitMs: identity.demotionWaitMs },
        'two servers act as primary: the publisher of the one before is at work, and is given time to end, as by a demotion. One of the two may be a copy, as for a test: a person has to decide which is the primary, and neither is to be destroyed before that',
      );
    }
    this.#listens = true;
    this.#isHeard ||= isHeard;
  }

  ended(kind: 'gone' | 'at_work', rival: string | undefined): void {
    const { logger, server } = this.#options;
    const { timeline } = server.history;
    if (kind === 'at_work') {
      logger.error(
        { code: 'SC_SPLIT_BRAIN', rival, timeline },
        'taking the topic over from a publisher that is still at work beside another primary. One of the two servers may be a copy, as for a test: a person has to decide which is the primary, and neither is to be destroyed before that',
      );
    } else if (this.#isHeard) {
      logger.info({ rival, timeline }, 'the publisher before has ended');
    }
  }
}
