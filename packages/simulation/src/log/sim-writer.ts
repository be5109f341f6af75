import {
  type AppendCheck,
  type KnownEnds,
  type LogWriter,
  type NewRecord,
  OutcomeUnknownError,
  TopicRecreatedError,
  WriterFencedError,
} from '@slotcast/event-log';
import type { Claim, SimBroker } from './sim-broker.ts';
import { type CallBroker, type LogPlace, within } from './within.ts';

/** As long as slotcast's writer for Kafka waits: less than the broker gives a transaction. */
const APPEND_TIMEOUT_MS = 9_000;

/**
 * A writer. An append has two effects at the brokers, one after the other: its records are there, and their transaction is committed. A writer that
 * dies between them leaves it open.
 */
export class SimWriter implements LogWriter {
  readonly #broker: SimBroker;
  readonly #place: LogPlace;
  readonly #claim: Claim;
  readonly #ends: KnownEnds;
  #tail: Promise<void> = Promise.resolve();
  #broken: Error | undefined;

  constructor(broker: SimBroker, place: LogPlace, { claim, ends }: { claim: Claim; ends: KnownEnds }) {
    this.#broker = broker;
    this.#place = place;
    this.#claim = claim;
    this.#ends = ends;
  }

  append(records: readonly NewRecord[]): Promise<void> {
    const appended = this.#tail.then(() => this.#append(records));
    this.#tail = appended.catch(() => undefined);
    return appended;
  }

  async close(): Promise<void> {
    await this.#tail;
    this.#broken ??= new OutcomeUnknownError('the writer is closed: claim a new one before appending');
  }

  async #append(records: readonly NewRecord[]): Promise<void> {
    if (this.#broken !== undefined) {
      throw this.#broken;
    }
    if (records.length === 0) {
      return;
    }
    const attempt = `append ${records.length} records as ${this.#claim.transactionalId}`;
    const late = (): Error => new OutcomeUnknownError(`could not ${attempt}: no answer from the brokers`);
    try {
      await within(this.#place, { ms: APPEND_TIMEOUT_MS, late }, async (call) => {
        const check = this.#ends.beforeAppend(records.map(({ topic }) => topic));
        await this.#send(call, records, check);
        await call('commit', () => this.#broker.commit(this.#claim));
        check.committed();
      });
    } catch (cause) {
      const error = isOutcome(cause) ? cause : new OutcomeUnknownError(`could not ${attempt}`, { cause });
      this.#broken = error;
      throw error;
    }
  }

  /** Throws a TopicRecreatedError when the brokers stored a record where there was one before. */
  async #send(call: CallBroker, records: readonly NewRecord[], check: AppendCheck): Promise<void> {
    const stored = await call('produce', () => this.#broker.produce(this.#claim, records));
    try {
      stored.forEach(({ topic, offset }) => check.stored(topic, offset, 1));
    } catch (error) {
      await call('abort', () => this.#broker.abort(this.#claim));
      throw error;
    }
  }
}

function isOutcome(cause: unknown): cause is Error {
  return (
    cause instanceof WriterFencedError ||
    cause instanceof OutcomeUnknownError ||
    cause instanceof TopicRecreatedError
  );
}
