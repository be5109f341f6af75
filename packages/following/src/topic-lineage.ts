import type { Manifest, SystemIdentifier } from '@slotcast/domain';
import { type Logger, SlotcastError } from '@slotcast/kernel';

/** Sees to it that a consumer goes on with the slots topic that it knows. */
export class TopicLineage {
  readonly #topic: string;
  readonly #logger: Logger;
  #current: string | undefined;
  #following = false;

  constructor(topic: string, logger: Logger) {
    this.#topic = topic;
    this.#logger = logger;
  }

  /** Lineage of the topic that was followed last. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Takes up what this node followed before. */
  resume(lineage: string | undefined): void {
    this.#current = lineage;
  }

  /** Throws a SlotcastError when the topic is of another cluster, or was made anew while it was followed. */
  check(manifest: Manifest | undefined, systemIdentifier: SystemIdentifier): void {
    if (manifest === undefined) {
      return;
    }
    if (manifest.systemIdentifier !== systemIdentifier) {
      throw new SlotcastError(
        'SC_OTHER_SYSTEM',
        `the topic ${this.#topic} holds slots of system identifier ${manifest.systemIdentifier} (node ${manifest.node}), this server has ${systemIdentifier}`,
      );
    }
    if (this.#current !== undefined && this.#current !== manifest.lineage) {
      if (this.#following) {
        throw new SlotcastError(
          'SC_TOPIC_RECREATED',
          `the topic ${this.#topic} was recreated while this consumer read it`,
        );
      }
      this.#logger.error(
        { code: 'SC_TOPIC_RECREATED' },
        'the topic was recreated since this node last read it; its slots are adopted anew',
      );
    }
    this.#current = manifest.lineage;
    this.#following = true;
  }
}
