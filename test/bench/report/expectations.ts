import type { LagResult } from '../parts/lag.ts';
import type { PartResults } from '../parts/parts.ts';
import { figure } from './figure.ts';

/** From here on a slot that is copied is not what a user would call up to date. */
const LATE_MS = 1000;

/** What a reader may expect, and where the limits are, one sentence or two for each. */
export function expectations(parts: Partial<PartResults>): readonly string[] {
  const cells = parts.matrix?.cells ?? [];
  return [...lagExpectation(cells), ...limits(cells), ...otherExpectations(parts)];
}

function lagExpectation(cells: readonly LagResult[]): readonly string[] {
  const few = cells.filter(({ slots, load }) => slots <= 50 && load.wantedMbPerSecond <= 15);
  if (few.length === 0) {
    return [];
  }
  const medians = few.map(({ slotcast }) => slotcast.lagMs.p50);
  const ratios = few.map(({ ratioP50 }) => ratioP50);
  const slowest = Math.max(...few.map(({ slotcast }) => slotcast.lagMs.p99));
  return [
    `**Up to 50 slots and 15 MB/s of WAL**: half of all moves are on the standby within ${range(medians)} ms, 99 % within ${figure(slowest)} ms. That is ${range(ratios)} times the lag of PostgreSQL's own slot sync.`,
  ];
}

function limits(cells: readonly LagResult[]): readonly string[] {
  const late = cells.filter(({ slotcast }) => slotcast.lagMs.p50 > LATE_MS || slotcast.neverArrived > 0);
  const starved = cells.filter(({ load }) => load.mbPerSecond < 0.8 * load.wantedMbPerSecond);
  if (cells.length === 0) {
    return [];
  }
  return [
    late.length === 0
      ? `**Limits**: in none of the ${cells.length} combinations of slots and load that were measured was the median lag above ${LATE_MS / 1000} s.`
      : `**Limits**: slotcast does not keep up with ${late.map(nameOf).join('; ')}.`,
    ...(starved.length === 0
      ? []
      : [
          `The machine itself did not reach the wanted write load with ${starved.map(nameOf).join('; ')}: there the servers, the load and the subscribers took all of it, and the lags say little about slotcast.`,
        ]),
  ];
}

function nameOf({ slots, load }: LagResult): string {
  return `${slots} ${slots === 1 ? 'slot' : 'slots'} at ${load.wantedMbPerSecond} MB/s`;
}

function otherExpectations({ silence, ready, promotion, restart }: Partial<PartResults>): readonly string[] {
  const moved = (promotion ?? []).filter((result) => result.moved);
  return [
    ...(silence === undefined
      ? []
      : [
          `**After a silence** of ${silence.quietSeconds} s the first move takes ${figure(silence.slotcastMs.p50)} ms (PostgreSQL: ${figure(silence.nativeMs.p50)} ms).`,
        ]),
    ...(ready ?? []).map(
      ({ slots, slotcastSeconds, nativeSeconds }) =>
        `**${slots === 1 ? 'A new slot' : `${slots} new slots`}**: ready after ${figure(slotcastSeconds?.p50)} s while ${slots === 1 ? 'its subscriber confirms' : 'their subscribers confirm'} all the time (PostgreSQL: ${figure(nativeSeconds?.p50)} s).`,
    ),
    ...(restart === undefined
      ? []
      : [
          `**WAL kept**: with ${restart.slots} slots at ${figure(restart.load.mbPerSecond)} MB/s restart_lsn was never more than ${figure(restart.without.slotcast.behindPrimaryMb)} MB behind that of the primary's slots, ${figure(restart.with.slotcast.behindPrimaryMb)} MB with a transaction open; ${figure(restart.without.slotcast.behindEarlierMb)} and ${figure(restart.with.slotcast.behindEarlierMb)} MB of that were left 10 s later. The primary's slots moved by up to ${figure(restart.without.primaryJumpMb)} MB at once.`,
        ]),
    ...moved.map(
      ({ slots, failover, walMb, recordedMs }) =>
        `**Promotion** with ${slots} slots${failover ? ' with failover' : ''} whose subscribers all confirmed ${walMb} MB right before: the hand-off is on record after ${figure(recordedMs.p50)} ms.`,
    ),
  ];
}

function range(values: readonly number[]): string {
  const least = figure(Math.min(...values));
  const most = figure(Math.max(...values));
  return least === most ? least : `${least}–${most}`;
}
