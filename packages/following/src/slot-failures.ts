import { type Hold, type Lsn, type Reason, reason, type SlotName } from '@slotcast/domain';
import { backoffMs, type Clock, errorFields, errorText, type Logger, repeatLevel } from '@slotcast/kernel';
import {
  classifyPostgresError,
  describePostgresError,
  isMissingWal,
  isPostgresError,
} from '@slotcast/postgres';

const BACKOFF = { initialMs: 500, maxMs: 30_000 } as const;

interface Failure {
  readonly count: number;
  readonly retryAt: number;
  readonly reasons: readonly Reason[];
  readonly cause: Hold['cause'];
}

/** Back-off per slot: one bad slot stops only itself. */
export class SlotFailures {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #failures = new Map<SlotName, Failure>();

  constructor(clock: Clock, logger: Logger, random: () => number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
  }

  /** Slots whose last step failed, with the error; those whose pause is not over must be left alone. */
  held(): Map<SlotName, Hold> {
    const now = this.#clock.monotonicMs();
    return new Map(
      [...this.#failures].map(([slot, { retryAt, reasons, cause }]) => [
        slot,
        { reasons, pausing: retryAt > now, cause },
      ]),
    );
  }

  /** `target`: where the step was to take the slot. */
  failed(slot: SlotName, attempted: string, error: unknown, target?: Lsn): void {
    const count = (this.#failures.get(slot)?.count ?? 0) + 1;
    const retryInMs = backoffMs(count, BACKOFF, this.#random);
    const told = saidBy(error);
    const why = reason('failed', { step: attempted, target, ...told });
    const retryAt = this.#clock.monotonicMs() + retryInMs;
    this.#failures.set(slot, { count, retryAt, reasons: [why], cause: causeOf(error) });
    const { said, remedy } = told;
    const fields = { ...errorFields(error, this.#logger), error: said, remedy, failures: count, retryInMs };
    this.#logger[repeatLevel(count)]({ slot, attempted, ...fields }, 'a slot failed');
  }

  succeeded(slot: SlotName): void {
    this.#failures.delete(slot);
  }
}

/** What an error says, and by which code PostgreSQL knows it. */
function saidBy(error: unknown): {
  readonly said: string;
  readonly sqlstate?: string | undefined;
  readonly remedy?: string | undefined;
} {
  return isPostgresError(error)
    ? {
        said: describePostgresError(error),
        sqlstate: error.code,
        remedy: classifyPostgresError(error).remedy,
      }
    : { said: errorText(error) };
}

function causeOf(error: unknown): Hold['cause'] {
  if (isMissingWal(error)) {
    return 'missing_wal';
  }
  const known = isPostgresError(error) ? classifyPostgresError(error).class : undefined;
  return known === 'blocked' || known === 'fatal' ? 'person' : 'passing';
}
