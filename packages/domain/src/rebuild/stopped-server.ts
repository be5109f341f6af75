import type { SystemIdentifier } from '../vocabulary/identity.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import type { TimelineHistory } from '../vocabulary/timeline-history.ts';

/** A server that does not run, as its data folder shows it. */
export interface StoppedServer {
  /** 16 of 16.14. */
  readonly major: number;
  readonly systemIdentifier: SystemIdentifier;
  /** The line of descent that it is on, or that its recovery will follow. */
  readonly history: TimelineHistory;
  /** It has replayed, or will have replayed when it lets anybody in, all WAL up to here, and no slot is installed with a later state. */
  readonly consistentLsn: Lsn;
  /** `standby`: it goes on from there behind a primary. `restored`: recovery ends there, and it becomes a primary. */
  readonly goesOn: 'standby' | 'restored';
  readonly slots: ReadonlyMap<SlotName, SlotState>;
  /** All folders of slots, those that cannot be read, too. */
  readonly slotCount: number;
  readonly maxReplicationSlots: number;
}
