import { randomUUID } from 'node:crypto';
import { checkPreconditions } from '@slotcast/domain';
import { WriterFencedError } from '@slotcast/event-log';
import {
  type ActingHalf,
  type HalfOptions,
  Promotion,
  RoleTracker,
  requirePreconditions,
  runHalf,
} from '@slotcast/hand-off';
import type { ConsumerMetrics, NodeService } from '@slotcast/observability';
import {
  connectPostgres,
  isInRecovery,
  type PostgresConnection,
  readPreconditions,
} from '@slotcast/postgres';
import { serviceTopics, type TopicsContext } from '@slotcast/topics';
import { ConsumerStatus } from './consumer-status.ts';
import { type ConsumerControl, SessionControl } from './requests/control.ts';
import { StandbySession } from './session/standby-session.ts';
import { StandbyServer } from './standby-server.ts';

export interface ConsumerOptions extends HalfOptions {
  /** Share of a core that decoding may take, above 0 and up to 1. */
  readonly advanceDuty: number;
  /** WAL that the restart_lsn of a slot may be behind before it is moved. */
  readonly restartGapBytes: bigint;
  /** All copies are proven again after so long each; absent: only when somebody asks. */
  readonly verifyIntervalMs: number | undefined;
  readonly metrics: ConsumerMetrics;
}

/** A consumer: a service that takes commands. */
export interface ConsumerService extends NodeService {
  readonly control: ConsumerControl;
}

/**
 * The consumer of one node: asleep while its server is a primary, else it keeps the server's slots where the topic says. It shares the
 * promotion with the other half of the node where that is in the same process.
 */
export function createConsumer(
  options: ConsumerOptions,
  promotion = new Promotion(options),
): ConsumerService {
  const consumer = new Consumer(options, promotion);
  return {
    health: consumer.status,
    fenced: () => promotion.fenced(),
    control: consumer.control,
    run: consumer.run.bind(consumer),
  };
}

class Consumer {
  readonly status: ConsumerStatus;
  readonly control: SessionControl;
  readonly #options: ConsumerOptions;
  readonly #topics: TopicsContext;
  readonly #instance = randomUUID();
  readonly #promotion: Promotion;
  readonly #role: RoleTracker;
  readonly #half: ActingHalf;
  #fenced = false;

  constructor(options: ConsumerOptions, promotion: Promotion) {
    this.#options = options;
    this.#promotion = promotion;
    this.#topics = serviceTopics(options);
    const { metrics, clock, logger, policy } = options;
    this.status = new ConsumerStatus({ metrics, clock, heartbeatStaleMs: policy.limits.heartbeatStaleMs });
    this.control = new SessionControl(options, () => this.status.isAsleep);
    const progressed = (): void => this.status.progressed();
    this.#role = new RoleTracker('following', { ...options, onTurn: progressed });
    this.#half = {
      instance: this.#instance,
      topics: this.#topics,
      report: this.#role.report,
      progressed,
      logger,
    };
  }

  run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    return runHalf({
      promotion: this.#promotion,
      report: this.#role.report,
      attempt: (progressed) => this.#attempt(progressed, signal),
      explain: (thrown) => this.#explain(thrown),
      onFailure: (message) => this.status.failed(message),
      clock,
      logger,
      signal,
    });
  }

  /** Whoever asks this consumer for something meanwhile is told the same. */
  #explain(thrown: unknown): unknown {
    const error = this.#options.explainError(thrown);
    this.control.failed(error);
    return error;
  }

  async #attempt(progressed: () => void, signal: AbortSignal): Promise<void> {
    const { postgres, clock, logger } = this.#options;
    await this.#options.verifyTopics();
    await this.#awaitStandby(progressed, signal);
    const server = await StandbyServer.connect(postgres, clock, signal);
    const session = new StandbySession(
      {
        ...this.#options,
        topics: this.#topics,
        instance: this.#instance,
        status: this.status,
        report: this.#role.report,
        progressed,
        onJoin: this.#promotion.join.bind(this.#promotion),
        onPromoted: (promoted) => this.#promotion.finish(promoted, this.#half),
      },
      server,
      signal,
    );
    try {
      this.status.enter('replaying');
      this.#promotion.follow(session);
      this.control.follow(session);
      await session.run(this.#fenced);
      logger.info('the server has left recovery');
    } catch (error) {
      // Whoever takes over ends the session with the server first, and fences the writer.
      this.#fenced ||= error instanceof WriterFencedError || session.isOnRecord;
      throw error;
    } finally {
      this.control.follow(undefined);
      await server.close();
    }
  }

  /** Sleeps as long as the server is a primary. */
  async #awaitStandby(progressed: () => void, signal: AbortSignal): Promise<void> {
    const { postgres, clock, logger, pollMaxMs } = this.#options;
    const connection = await connectPostgres({ ...postgres, signal });
    const awake = new AbortController();
    let lookout: Promise<void> | undefined;
    try {
      for (let announced = false; !(await isInRecovery(connection, signal)); announced = true) {
        if (!announced) {
          this.#role.report('primary_seen');
          await this.#promotion.finishLate(this.#half, signal);
          // Whoever took over from this process has done so for a primary.
          this.#fenced = false;
          logger.info('asleep: the server is a primary');
          lookout = this.#promotion.lookOut(this.#half, AbortSignal.any([signal, awake.signal]));
        }
        progressed();
        this.status.enter('asleep');
        await clock.sleep(pollMaxMs, signal);
      }
      this.#role.report('standby_seen');
      await this.#checkServer(connection, signal);
    } finally {
      awake.abort();
      await lookout;
      await connection.close();
    }
  }

  async #checkServer(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    const facts = await readPreconditions(connection, signal);
    requirePreconditions(checkPreconditions(facts, 'consumer'), this.#options.logger);
  }
}
