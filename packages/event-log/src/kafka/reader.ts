import { setTimeout as sleep } from 'node:timers/promises';
import { asError, WakeUp } from '@slotcast/kernel';
import type { LogBatch, LogReader, LogRecord } from '../event-log.ts';
import { LogUnavailableError, TopicRecreatedError } from '../log-error.ts';
import { deleteGroup, type TopicOffsets, topicOffsets } from './admin.ts';
import type { KafkaContext, KafkaLogLevel } from './client.ts';
import { describeKafkaFailure, failureMessage, unavailable } from './error.ts';
import { KafkaSession } from './session.ts';
import { withDeadline } from './with-deadline.ts';

/** Records fetched but not taken yet; beyond it fetching pauses. */
const MAX_BUFFERED_RECORDS = 20_000;
/** Well below the session timeout, so that a slow caller does not lose the group. */
const KEEP_ALIVE_MS = 3_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
const CLOSE_TIMEOUT_MS = 3_000;
/** A broker that has just started can be behind the others; only a finding that stays is an alarm. */
const CONFIRM_AFTER_MS = 1_000;

export interface KafkaReaderStart {
  readonly topic: string;
  readonly position: bigint;
  readonly clusterId: string;
}

/**
 * Reads the only partition of a topic over as many sessions as it takes: when one fails the next goes on at the same
 * offset, so that the brokers may go away and come back without a record being lost or seen twice.
 */
export class KafkaReader implements LogReader {
  readonly #context: KafkaContext;
  readonly #start: KafkaReaderStart;
  readonly #closing = new AbortController();
  readonly #arrived = new WakeUp();
  readonly #taken = new WakeUp();
  readonly #finished: Promise<void>;
  #session: KafkaSession | undefined;
  #position: bigint;
  /** Offset after the last one fetched; what lies between `#position` and this is in the buffer. */
  #fetched: bigint;
  #buffer: LogRecord[] = [];
  #failure: Error | undefined;
  #answeredAt = performance.now();
  #failures = 0;
  /** Resolves with false when what the current session fetches must not be taken. */
  #verifying: Promise<boolean> | undefined;

  /** `onEnd` is called when the reader reads no more. */
  constructor(context: KafkaContext, start: KafkaReaderStart, onEnd: (reader: LogReader) => void) {
    this.#context = context;
    this.#start = start;
    this.#position = start.position;
    this.#fetched = start.position;
    this.#finished = this.#keepReading().finally(() => onEnd(this));
  }

  get position(): bigint {
    return this.#position;
  }

  async next(signal: AbortSignal): Promise<LogBatch> {
    signal.throwIfAborted();
    while (this.#fetched === this.#position) {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      await this.#arrived.wait({ signal });
    }
    const records = this.#buffer;
    this.#buffer = [];
    this.#position = this.#fetched;
    this.#taken.notify();
    return { records, position: this.#position };
  }

  async close(): Promise<void> {
    const reason = new LogUnavailableError(`the reader of topic ${this.#start.topic} is closed`);
    this.#failure ??= reason;
    this.#closing.abort(reason);
    this.#session?.fail(reason);
    this.#taken.notify();
    this.#arrived.notify();
    await this.#finished;
  }

  async #keepReading(): Promise<void> {
    for (;;) {
      try {
        await this.#readOneSession();
      } catch (error) {
        if (this.#closing.signal.aborted) {
          return;
        }
        this.#failure = this.#findFatal(error);
        if (this.#failure !== undefined) {
          this.#arrived.notify();
          return;
        }
        await this.#pauseAfter(error);
      }
    }
  }

  /** Reads until the session fails or the reader is closed, and throws the reason. */
  async #readOneSession(): Promise<never> {
    if (this.#failures > 0) {
      await this.#checkTopic();
    }
    this.#closing.signal.throwIfAborted();
    this.#verifying = undefined;
    const session = new KafkaSession(this.#context, this.#start.topic, {
      nextOffset: () => this.#fetched,
      onBatch: (batch, keepAlive) => this.#take(batch, keepAlive),
      onAnswer: () => this.#onAnswer(),
      onReconnect: () => this.#verify(session),
    });
    this.#session = session;
    try {
      throw await Promise.race([session.failed, session.start().then(() => session.failed)]);
    } finally {
      this.#session = undefined;
      await this.#leave(session);
    }
  }

  async #take(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    while (this.#verifying !== undefined) {
      if (!(await this.#verifying)) {
        return;
      }
    }
    if (batch.position <= this.#fetched) {
      return;
    }
    for (const record of batch.records) {
      if (record.offset >= this.#fetched) {
        this.#buffer.push(record);
      }
    }
    this.#fetched = batch.position;
    this.#context.ends.reached(this.#start.topic, batch.position);
    this.#arrived.notify();
    while (this.#buffer.length > MAX_BUFFERED_RECORDS && !this.#closing.signal.aborted) {
      await this.#taken.wait({ timeoutMs: KEEP_ALIVE_MS });
      await keepAlive();
    }
  }

  /**
   * Looks whether the topic is still the same one, and holds back what is fetched meanwhile. Each call looks anew: what an earlier
   * one was told may come from the brokers that were there before.
   */
  #verify(session: KafkaSession): void {
    const earlier = this.#verifying ?? Promise.resolve(true);
    const verifying = Promise.all([earlier, this.#isSameTopic(session)]).then((both) => {
      const verified = both.every(Boolean);
      if (verified && this.#verifying === verifying) {
        this.#verifying = undefined;
      }
      return verified;
    });
    this.#verifying = verifying;
  }

  async #isSameTopic(session: KafkaSession): Promise<boolean> {
    try {
      await this.#checkTopic();
      return true;
    } catch (error) {
      session.fail(asError(error));
      return false;
    }
  }

  #onAnswer(): void {
    const now = performance.now();
    if (this.#failures > 0) {
      this.#context.logger('info', 'reading from Kafka again', {
        topic: this.#start.topic,
        offset: this.#fetched.toString(),
        outageMs: Math.round(now - this.#answeredAt),
      });
      this.#failures = 0;
    }
    this.#answeredAt = now;
  }

  /** Throws a TopicRecreatedError when the topic is not the one that this reader started on. */
  async #checkTopic(): Promise<void> {
    const { topic, clusterId } = this.#start;
    const look = async (): Promise<string | undefined> =>
      describeChange({
        topic,
        clusterId,
        position: this.#fetched,
        offsets: await topicOffsets(this.#context, topic),
      });
    if ((await look()) === undefined) {
      return;
    }
    await sleep(CONFIRM_AFTER_MS, undefined, { signal: this.#closing.signal });
    const change = await look();
    if (change !== undefined) {
      throw new TopicRecreatedError(change);
    }
  }

  /** The error that ends the reader, if this one does. */
  #findFatal(error: unknown): Error | undefined {
    if (error instanceof TopicRecreatedError) {
      return error;
    }
    const { type } = describeKafkaFailure(error);
    const { brokers, readerDeadlineMs } = this.#context;
    const attempt = `read topic ${this.#start.topic} from offset ${this.#fetched}`;
    if (type === 'out_of_range') {
      return new TopicRecreatedError(failureMessage(attempt, brokers, error), { cause: error });
    }
    if (type === 'refused') {
      return unavailable(attempt, brokers, error);
    }
    const silentMs = Math.round(performance.now() - this.#answeredAt);
    return silentMs > readerDeadlineMs
      ? unavailable(`${attempt} for ${silentMs} ms`, brokers, error)
      : undefined;
  }

  async #pauseAfter(error: unknown): Promise<void> {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures += 1;
    const { text, remedy } = describeKafkaFailure(error);
    this.#context.logger(levelOf(this.#failures), 'cannot read from Kafka, trying again', {
      topic: this.#start.topic,
      brokers: this.#context.brokers.join(','),
      offset: this.#fetched.toString(),
      failures: this.#failures,
      error: text,
      remedy,
    });
    const jitteredMs = backoffMs * (0.75 + Math.random() / 2);
    await this.#taken.wait({ timeoutMs: jitteredMs });
  }

  /** Neither a broker that is gone nor a missing permission may hold up the reader here. */
  async #leave(session: KafkaSession): Promise<void> {
    try {
      await withDeadline(session.stop(), CLOSE_TIMEOUT_MS);
      if (this.#closing.signal.aborted && this.#failures === 0) {
        await withDeadline(deleteGroup(this.#context, session.groupId), CLOSE_TIMEOUT_MS);
      }
    } catch (error) {
      this.#context.logger('debug', 'consumer group was left behind for the brokers to remove', {
        group: session.groupId,
        error: asError(error).message,
      });
    } finally {
      session.abandon();
    }
  }
}

/** A first hiccup is information, a lasting one an error. */
function levelOf(failures: number): KafkaLogLevel {
  return failures === 1 ? 'info' : failures < 6 ? 'warn' : 'error';
}

/** What shows that this is another topic than the one that was read up to `position`. */
export function describeChange(seen: {
  readonly topic: string;
  readonly clusterId: string;
  readonly position: bigint;
  readonly offsets: TopicOffsets | undefined;
}): string | undefined {
  const { topic, clusterId, position, offsets } = seen;
  const advice =
    'Nothing is applied from it. Find out who deleted, recreated or truncated it, then start this service again';
  if (offsets === undefined) {
    return `topic ${topic}, read up to offset ${position}, does not exist any more. ${advice}`;
  }
  if (offsets.clusterId !== clusterId) {
    return `topic ${topic} was in Kafka cluster ${clusterId}, but the brokers now are cluster ${offsets.clusterId}. ${advice}`;
  }
  if (offsets.high < position) {
    return `topic ${topic} was read up to offset ${position}, but now ends at ${offsets.high}. ${advice}`;
  }
  if (offsets.low > position) {
    return `topic ${topic} was read up to offset ${position}, but now begins at ${offsets.low}. ${advice}`;
  }
  return undefined;
}
