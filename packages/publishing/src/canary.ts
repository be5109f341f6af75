import {
  CANARY_PLUGIN,
  CANARY_SLOT,
  type CanaryBeat,
  canaryText,
  judgeCanarySlot,
  markCanary,
  readCanaryText,
  reasonText,
  type SlotState,
  supports,
} from '@slotcast/domain';
import { type Clock, Doorbell, type Logger, supervise } from '@slotcast/kernel';
import type { PublisherMetrics } from '@slotcast/observability';
import {
  advanceSlot,
  classifyPostgresError,
  connectPostgres,
  createLogicalSlot,
  currentDatabase,
  describePostgresError,
  dropSlot,
  emitMessage,
  isPostgresError,
  observePrimary,
  type PostgresConnection,
  type PostgresOptions,
  type ReceivedMessage,
  subscribe,
} from '@slotcast/postgres';
import type { PublisherStatus } from './publisher-status.ts';

const BEAT_MS = 1000;
/** A write that the disk does not take for so long is given up; with another connection it is tried again. */
const WRITE_TIMEOUT_MS = 30_000;
/** How long the subscription may take to begin before changes are written all the same. */
const START_MS = 5000;
/** From then on the canary counts as broken, though no error has told so. */
const SILENT_MS = 10_000;
/** Beats that the published position may be behind; far more than a throttled publisher leaves behind. */
const KEPT_BEATS = 60;
/** Beats in a row after which the next failure counts as the first: one alone may come through between two failures. */
const STEADY_BEATS = 10;

export interface CanaryOptions {
  /** False: a slot that a canary left behind is dropped. */
  readonly enabled: boolean;
  readonly postgres: PostgresOptions;
  readonly metrics: PublisherMetrics;
  readonly status: PublisherStatus;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Writes a small change on the primary every second, and consumes it through a slot of its own, which goes to the standbys as every
 * slot does. It has its own connections and its own back-off: whatever happens to it, publishing goes on.
 */
export class Canary {
  readonly #options: CanaryOptions;
  readonly #logger: Logger;
  #beats: readonly CanaryBeat[] = [];
  #receivedAt: number | undefined;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'canary' });
  }

  /** The slots as they are to be published: that of the canary tells when its change was written. */
  mark(slots: readonly SlotState[]): readonly SlotState[] {
    return markCanary(slots, this.#beats);
  }

  /** Works until the signal is aborted or, when it is off, until no slot is left behind. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, metrics, status } = this.#options;
    const done = new AbortController();
    try {
      await supervise({
        attempt: async (progressed) => {
          await this.#attempt(progressed, signal);
          done.abort();
        },
        explain: explained,
        onFailure: (message) => {
          metrics.canaryUp.set(0);
          metrics.canaryFailuresTotal.inc();
          status.canary = `broken: ${message}`;
        },
        clock,
        random: Math.random,
        logger: this.#logger,
        signal: AbortSignal.any([signal, done.signal]),
      });
    } finally {
      metrics.canaryUp.set(0);
      status.canary = undefined;
    }
  }

  async #attempt(progressed: () => void, signal: AbortSignal): Promise<void> {
    const { enabled, postgres } = this.#options;
    const connection = await connectPostgres({ ...postgres, signal });
    try {
      if (enabled) {
        await this.#prepareSlot(connection, signal);
        await this.#measure(connection, progressed, signal);
      } else {
        await this.#dropSlot(connection, signal);
      }
    } finally {
      await connection.close();
    }
  }

  async #prepareSlot(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    this.#beats = [];
    const seen = await observePrimary(connection, signal);
    if (seen.inRecovery) {
      throw new Error('the server is in recovery');
    }
    const unreadable = seen.unreadable.find(({ slot }) => slot === CANARY_SLOT);
    if (unreadable !== undefined) {
      throw new Error(`slot ${CANARY_SLOT} is there, but ${reasonText([unreadable.reason])}`);
    }
    const verdict = judgeCanarySlot(seen.slots, await currentDatabase(connection, signal));
    switch (verdict.kind) {
      case 'foreign':
        throw new Error(verdict.reason);
      case 'usable':
        // What was written before is old news, and nothing is worth the WAL that a slot holds back while its canary fails.
        await advanceSlot(connection, { name: CANARY_SLOT, target: seen.flushLsn }, { signal });
        return;
      case 'lost':
        await dropSlot(connection, CANARY_SLOT, signal);
        this.#logger.warn('dropped the slot of the canary, which was invalidated');
        break;
      case 'missing':
        break;
    }
    this.#options.status.canary = 'makes its slot, which waits for open transactions';
    const slot = { name: CANARY_SLOT, plugin: CANARY_PLUGIN, twoPhase: false };
    await createLogicalSlot(connection, slot, signal);
    this.#logger.info({ slot: CANARY_SLOT }, 'made the slot of the canary');
  }

  /** Drops what a canary would have used, in the database where it would have made it. */
  async #dropSlot(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    const seen = await observePrimary(connection, signal);
    const slots = seen.inRecovery ? [] : seen.slots;
    const verdict = judgeCanarySlot(slots, await currentDatabase(connection, signal));
    if (verdict.kind === 'foreign') {
      this.#logger.warn({ detail: verdict.reason }, 'left a slot of the canary name alone');
    } else if (verdict.kind !== 'missing') {
      await dropSlot(connection, CANARY_SLOT, signal);
      this.#logger.info({ slot: CANARY_SLOT }, 'dropped the slot of the canary, which is off');
    }
  }

  /** Writes and receives until either fails. */
  async #measure(connection: PostgresConnection, progressed: () => void, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const started = new Doorbell();
    const receiving = this.#receive(connection.major, started, progressed, both);
    const writing = this.#write(connection, started, both);
    try {
      await Promise.race([receiving, writing]);
    } finally {
      stop.abort();
      await Promise.allSettled([receiving, writing]);
    }
  }

  async #receive(
    major: number,
    started: Doorbell,
    progressed: () => void,
    signal: AbortSignal,
  ): Promise<never> {
    let received = 0;
    await subscribe({
      connection: { ...this.#options.postgres, major },
      slot: CANARY_SLOT,
      publication: supports(major, 'emptyPublicationList') ? undefined : CANARY_SLOT,
      onRow: () => undefined,
      onMessage: (message) => {
        this.#received(message);
        received += 1;
        if (received >= STEADY_BEATS) {
          progressed();
        }
      },
      onStart: () => started.ring(),
      acknowledgeAtOnce: true,
      signal,
    });
    signal.throwIfAborted();
    throw new Error(`the server ended the subscription of slot ${CANARY_SLOT}`);
  }

  async #write(connection: PostgresConnection, started: Doorbell, signal: AbortSignal): Promise<never> {
    const { clock, metrics, status } = this.#options;
    await started.wait(START_MS, signal);
    this.#receivedAt = clock.monotonicMs();
    for (;;) {
      const before = clock.monotonicMs();
      const content = canaryText(clock.now());
      await emitMessage(
        connection,
        { prefix: CANARY_SLOT, content },
        { signal, timeoutMs: WRITE_TIMEOUT_MS },
      );
      await clock.sleep(Math.max(0, BEAT_MS - (clock.monotonicMs() - before)), signal);
      const silentMs = clock.monotonicMs() - this.#receivedAt;
      if (silentMs >= SILENT_MS) {
        metrics.canaryUp.set(0);
        status.canary = `has received nothing for ${Math.round(silentMs / 1000)} s`;
      }
    }
  }

  #received({ prefix, content, commitLsn }: ReceivedMessage): void {
    const { clock, metrics, status } = this.#options;
    const writtenAt =
      prefix === CANARY_SLOT ? readCanaryText(Buffer.from(content).toString('utf8')) : undefined;
    if (writtenAt === undefined) {
      return;
    }
    this.#beats = [...this.#beats.slice(1 - KEPT_BEATS), { commitLsn, writtenAt }];
    this.#receivedAt = clock.monotonicMs();
    metrics.canarySeconds.observe(Math.max(0, clock.now() - writtenAt) / 1000);
    metrics.canaryUp.set(1);
    status.canary = 'measures every second';
  }
}

/** With what would fix it; no error of the canary is a reason to end the publisher. */
function explained(error: unknown): unknown {
  if (!isPostgresError(error)) {
    return error;
  }
  const { remedy } = classifyPostgresError(error);
  return new Error(`${describePostgresError(error)}. ${remedy}`, { cause: error });
}
