import {
  formatLsn,
  isNewTopic,
  type Manifest,
  type NodeStatus,
  type Plan,
  topicAlarm,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { StandbyView } from './standby-server.ts';

/** Why a consumer does nothing to its slots, or not all that it is set to; each is logged when it arises. */
export class Doubts {
  readonly #logger: Logger;
  #lastAlarm: string | undefined;
  #lastFilterDoubt: string | undefined;
  #unsure: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why the records of this node's slots are not to be believed. */
  get unsure(): string | undefined {
    return this.#unsure;
  }

  /** Why nothing may be concluded from the topic now. */
  alarm(
    manifest: Manifest | undefined,
    view: StandbyView,
    nodes: ReadonlyMap<string, NodeStatus>,
  ): string | undefined {
    const alarm = topicAlarm(manifest, view.history, nodes);
    if (alarm !== this.#lastAlarm && alarm !== undefined) {
      const level = isNewTopic(manifest, nodes) ? 'info' : 'error';
      this.#logger[level]({ alarm }, 'nothing is done to the slots until this is fixed');
    }
    this.#lastAlarm = alarm;
    return alarm;
  }

  /** Takes in what was planned; nothing, while replay has reached no manifest. */
  planned(plan: Plan | undefined, alarm: string | undefined, manifest: Manifest | undefined): void {
    this.#unsure = alarm ?? (plan === undefined ? notReached(manifest) : undefined);
    const doubt = plan?.filterDoubt;
    if (doubt !== this.#lastFilterDoubt && doubt !== undefined) {
      this.#logger.error({ doubt }, 'the slot filter has to be confirmed');
    }
    this.#lastFilterDoubt = doubt;
  }
}

/** A manifest that replay has not reached says nothing of this server's point in WAL. */
function notReached(manifest: Manifest | undefined): string {
  const where =
    manifest === undefined ? '' : ` (${formatLsn(manifest.lsn)} on timeline ${manifest.timeline})`;
  return `replay has not reached the publisher's list of slots yet${where}, so nothing is known of them here`;
}
