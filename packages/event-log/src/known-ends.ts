import { TopicRecreatedError } from './log-error.ts';

/** A commit takes an offset of its own in each topic. */
const CONTROL_RECORD = 1n;

/**
 * How far each topic of one log is known to reach, by what was read and what was committed. A topic only ever grows, so an append that is answered
 * with an earlier offset went to another topic of the same name, or to brokers that have lost a part of it.
 */
export class KnownEnds {
  readonly #ends = new Map<string, bigint>();
  /** Topics that were found to be others. They grow, so that no offset would tell a second time. */
  readonly #replaced = new Map<string, TopicRecreatedError>();

  /** The offset behind all that is known of a topic; 0 when nothing is. */
  of(topic: string): bigint {
    return this.#ends.get(topic) ?? 0n;
  }

  /** Takes note that a topic reaches to `end`. */
  reached(topic: string, end: bigint): void {
    if (end > this.of(topic)) {
      this.#ends.set(topic, end);
    }
  }

  /**
   * What an append to these topics that begins now is held to. Another one may be committed before the answer to this one comes, which then is
   * earlier than what is known by that time. Throws a TopicRecreatedError when an earlier append has found one of them to be another topic.
   */
  beforeAppend(topics: readonly string[]): AppendCheck {
    for (const topic of topics) {
      const replaced = this.#replaced.get(topic);
      if (replaced !== undefined) {
        throw replaced;
      }
    }
    return new AppendCheck(this, topics);
  }

  /** Takes note that a topic was found to be another one. */
  replaced(topic: string, error: TopicRecreatedError): void {
    this.#replaced.set(topic, error);
  }
}

/** Holds the offsets of one append, in one or several batches, to what was known of its topics when it began. */
export class AppendCheck {
  readonly #known: KnownEnds;
  /** By topic, the offset behind all that was known of it, with what this append has stored. */
  readonly #ends: Map<string, bigint>;

  constructor(known: KnownEnds, topics: readonly string[]) {
    this.#known = known;
    this.#ends = new Map(topics.map((topic) => [topic, known.of(topic)]));
  }

  /** Takes note that `count` records were stored from the offset `base` on. Throws a TopicRecreatedError when the topic reached further before. */
  stored(topic: string, base: bigint, count: number): void {
    const end = this.#ends.get(topic) ?? 0n;
    if (base < end) {
      const error = new TopicRecreatedError(
        `topic ${topic} reached to offset ${end}, but an append to it was stored at ${base}, and was not committed: the topic was deleted, recreated or truncated. Find out who did it, then start this service again`,
      );
      this.#known.replaced(topic, error);
      throw error;
    }
    this.#ends.set(topic, base + BigInt(count));
  }

  /** Takes note that all that was stored is committed. */
  committed(): void {
    this.#ends.forEach((end, topic) => this.#known.reached(topic, end + CONTROL_RECORD));
  }
}
