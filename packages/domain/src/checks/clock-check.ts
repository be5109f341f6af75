import { HEARTBEAT_MS } from '../vocabulary/protocol-timings.ts';
import { type Check, info, ok, warning } from './check.ts';

/** Clocks that differ by more make heartbeats look stale and lags wrong. */
const MAX_DIFFERENCE_MS = 5000;

/** The last that was heard of the publisher, by the clock here. */
export interface Heartbeat {
  /** Kafka's timestamp of the newest manifest minus the time here when it was read. */
  readonly aheadMs: number;
  /** It arrived while it was waited for, so that it was stamped just then; else it may be of any age. */
  readonly live: boolean;
  /** Milliseconds since then, as far as is known. */
  readonly silentMs: number;
}

/** Judges the clock of the PostgreSQL server; `aheadMs` is its time minus the time here. */
export function checkServerClock(aheadMs: number): Check {
  const fact = describe('the clock of the PostgreSQL server', aheadMs);
  return Math.abs(aheadMs) > MAX_DIFFERENCE_MS
    ? warning('server_clock', fact, 'set both machines right by NTP, such as: chronyc makestep')
    : ok('server_clock', fact);
}

/** Judges the clock of Kafka by the newest heartbeat. */
export function checkKafkaClock(heartbeat: Heartbeat | undefined): Check {
  if (heartbeat === undefined) {
    return info('kafka_clock', 'not known: no publisher has written anything yet');
  }
  const { aheadMs, live } = heartbeat;
  if (Math.abs(aheadMs) > MAX_DIFFERENCE_MS && (live || aheadMs > 0)) {
    const remedy = 'set the brokers and this machine right by NTP, such as: chronyc makestep';
    return warning('kafka_clock', describe("Kafka's clock", aheadMs), remedy);
  }
  if (live) {
    return ok('kafka_clock', describe("Kafka's clock", aheadMs));
  }
  // A heartbeat was due since; its age and the difference of the clocks together are no more than its interval.
  return isRecent(heartbeat)
    ? ok('kafka_clock', `Kafka's clock and the one here differ by ${HEARTBEAT_MS / 1000} s at most`)
    : info('kafka_clock', 'not known: no publisher writes at this time');
}

/** True when the publisher may well be alive, and need not be waited for. */
export function isRecent({ aheadMs, live, silentMs }: Heartbeat): boolean {
  return live || (aheadMs <= 0 && silentMs <= HEARTBEAT_MS);
}

function describe(whose: string, aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  return `${whose} is ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the one here`;
}
