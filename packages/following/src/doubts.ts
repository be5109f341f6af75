import {
  isNewTopic,
  type Manifest,
  type NodeStatus,
  type Plan,
  type Reason,
  reason,
  reasonText,
  sameReason,
  topicAlarm,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { StandbyView } from './standby-server.ts';

/** Why a consumer does nothing to its slots, or not all that it is set to; each is logged when it arises. */
export class Doubts {
  readonly #logger: Logger;
  #lastAlarm: Reason | undefined;
  #lastFilterDoubt: Reason | undefined;
  #unsure: Reason | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why the records of this node's slots are not to be believed. */
  get unsure(): Reason | undefined {
    return this.#unsure;
  }

  /** Why nothing may be concluded from the topic now. */
  alarm(
    manifest: Manifest | undefined,
    view: StandbyView,
    nodes: ReadonlyMap<string, NodeStatus>,
  ): Reason | undefined {
    const alarm = topicAlarm(manifest, view.history, nodes);
    if (alarm !== undefined && !sameReason(alarm, this.#lastAlarm)) {
      const level = isNewTopic(manifest, nodes) ? 'info' : 'error';
      this.#logger[level]({ alarm: reasonText([alarm]) }, 'nothing is done to the slots until this is fixed');
    }
    this.#lastAlarm = alarm;
    return alarm;
  }

  /** Takes in what was planned; nothing, while replay has reached no manifest. */
  planned(plan: Plan | undefined, alarm: Reason | undefined, manifest: Manifest | undefined): void {
    this.#unsure = alarm ?? (plan === undefined ? notReached(manifest) : undefined);
    const doubt = plan?.filterDoubt;
    if (doubt !== undefined && !sameReason(doubt, this.#lastFilterDoubt)) {
      this.#logger.error({ doubt: reasonText([doubt]) }, 'the slot filter has to be confirmed');
    }
    this.#lastFilterDoubt = doubt;
  }
}

/** A manifest that replay has not reached says nothing of this server's point in WAL. */
function notReached(manifest: Manifest | undefined): Reason {
  const timeline = manifest === undefined ? undefined : String(manifest.timeline);
  return reason('manifest_not_reached', { position: manifest?.lsn, timeline });
}
