import type { Lsn } from '../vocabulary/lsn.ts';
import { type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotsRecord } from './slots-topic.ts';
import type { Written } from './written.ts';

interface TrackPoint {
  readonly confirmedFlushLsn: Lsn;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly writtenAt: number;
}

/** Points kept of one slot; beyond it every second one goes, but not the newest. */
export const MAX_TRACK_POINTS = 512;

/** When the primary's subscriber of one slot had confirmed what: the measure of a copy's lag in time. Of one timeline and one incarnation. */
export class SlotTrack {
  #points: TrackPoint[] = [];

  /** Takes positions in the order in which they were published; one that does not move adds nothing. */
  add(confirmedFlushLsn: Lsn, writtenAt: number): void {
    if (this.#points.at(-1)?.confirmedFlushLsn === confirmedFlushLsn) {
      return;
    }
    this.#points.push({ confirmedFlushLsn, writtenAt });
    if (this.#points.length > MAX_TRACK_POINTS) {
      const last = this.#points.length - 1;
      this.#points = this.#points.filter((_, index) => (last - index) % 2 === 0);
    }
  }

  /**
   * When the subscriber moved past this position and did not come back; `undefined` when it has not. A crash restart of the
   * primary takes positions back, so the last crossing counts.
   */
  passedAt(position: Lsn): number | undefined {
    const reached = this.#points.findLastIndex((point) => point.confirmedFlushLsn <= position);
    return this.#points[reached + 1]?.writtenAt;
  }
}

/** The tracks of all live slots, from the records of the slots topic in their order. */
export class SlotTracks {
  readonly #tracks = new Map<SlotName, { readonly of: SlotEvent; readonly track: SlotTrack }>();

  of(slot: SlotName): SlotTrack | undefined {
    return this.#tracks.get(slot)?.track;
  }

  take({ record, writtenAt }: Written<SlotsRecord>): void {
    if (record.kind === 'manifest') {
      return;
    }
    if (record.op === 'drop') {
      this.#tracks.delete(record.slot);
      return;
    }
    const before = this.#tracks.get(record.slot);
    const goesOn =
      before !== undefined &&
      before.of.timeline === record.timeline &&
      sameIncarnation(before.of.incarnation, record.incarnation);
    const track = goesOn ? before.track : new SlotTrack();
    if (record.state?.confirmedFlushLsn !== undefined) {
      track.add(record.state.confirmedFlushLsn, writtenAt);
    }
    this.#tracks.set(record.slot, { of: record, track });
  }
}
