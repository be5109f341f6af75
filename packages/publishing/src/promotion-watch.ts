import {
  type DivergencePolicy,
  emptyLine,
  HAND_OFF_RECORD_MS,
  HandedOver,
  type Manifest,
  type PlanPolicy,
} from '@slotcast/domain';
import {
  type EndedRecovery,
  handOffFromTopics,
  RecoveryGuard,
  type ReportRole,
  type SettledHandOff,
} from '@slotcast/hand-off';
import type { Clock, Logger } from '@slotcast/kernel';
import type { PostgresOptions } from '@slotcast/postgres';
import type { NodesReader, TopicsContext } from '@slotcast/topics';
import { HandOffOpenError, type PublisherIdentity } from './claim-topic.ts';
import type { PrimaryIdentity } from './primary.ts';

export interface PromotionWatchOptions {
  readonly cluster: string;
  readonly topics: TopicsContext;
  readonly policy: PlanPolicy;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  readonly report: ReportRole;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The publisher's part in a promotion: it sees the end of recovery, too, and hands the slots over when the consumer does not. */
export class PromotionWatch {
  readonly #options: PromotionWatchOptions;
  readonly #guard: RecoveryGuard;

  constructor(options: PromotionWatchOptions) {
    this.#options = options;
    this.#guard = new RecoveryGuard({ ...options, line: () => emptyLine, onEnd: () => undefined });
  }

  /** The end of the recovery that the server was in last, when it was seen. */
  get ended(): EndedRecovery | undefined {
    return this.#guard.ended;
  }

  /** Watches until the signal is aborted. */
  watch(signal: AbortSignal): Promise<void> {
    return this.#guard.run(signal);
  }

  /**
   * Resolves when the slots of this primary are handed over. `manifest` is the newest one: a server on its timeline has published
   * before, and nothing is to be handed over; `nodes` has replayed the nodes topic. Rejects with a HandOffOpenError when the server is not the
   * promoted one any more that it was.
   */
  async settle(
    manifest: Manifest | undefined,
    { server, identity, nodes }: { server: PrimaryIdentity; identity: PublisherIdentity; nodes: NodesReader },
    signal: AbortSignal,
  ): Promise<SettledHandOff> {
    const { node, instance, version } = identity;
    const { systemIdentifier, serverVersion, serverStartedAt, history } = server;
    const { timeline } = history;
    const settled = await handOffFromTopics({
      ...this.#options,
      nodes,
      facts: { node, instance, version, systemIdentifier, timeline, serverVersion, serverStartedAt },
      wanted: this.#options.policy.wanted,
      awaitEnd: (stop) => this.#guard.awaitEnd(stop),
      noneNeeded: HandedOver.noneNeeded(manifest, timeline),
      patienceMs: HAND_OFF_RECORD_MS,
      signal,
    });
    if (settled === undefined) {
      throw new HandOffOpenError(timeline);
    }
    return settled;
  }
}
