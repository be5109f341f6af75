import { type LogWriter, type NewRecord, OutcomeUnknownError, WriterFencedError } from '@slotcast/event-log';
import type { Claim, SimBroker } from './sim-broker.ts';
import { type LogPlace, within } from './within.ts';

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
  #tail: Promise<void> = Promise.resolve();
  #broken: Error | undefined;

  constructor(broker: SimBroker, place: LogPlace, claim: Claim) {
    this.#broker = broker;
    this.#place = place;
    this.#claim = claim;
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
        await call('produce', () => this.#broker.produce(this.#claim, records));
        await call('commit', () => this.#broker.commit(this.#claim));
      });
    } catch (cause) {
      const error = isOutcome(cause) ? cause : new OutcomeUnknownError(`could not ${attempt}`, { cause });
      this.#broken = error;
      throw error;
    }
  }
}

function isOutcome(cause: unknown): cause is Error {
  return cause instanceof WriterFencedError || cause instanceof OutcomeUnknownError;
}
