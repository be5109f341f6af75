import type { Timeline } from './identity.ts';
import type { Lsn } from './lsn.ts';

/** A primary between two starts or crashes, as any session with it shows it. */
export interface ServerLife {
  /** When it was started, in milliseconds since 1970; a crash of its sessions does not change it. */
  readonly serverStartedAt: number;
  /** The timeline that is written. */
  readonly timeline: Timeline;
  /** Where the recovery or crash recovery ended that it began with; absent when it was started after an orderly shutdown. */
  readonly replayedLsn: Lsn | undefined;
}

/** True when both are known, and the server was not started between, nor has it crashed. */
export function sameLife(a: ServerLife | undefined, b: ServerLife | undefined): boolean {
  return (
    a !== undefined &&
    a.serverStartedAt === b?.serverStartedAt &&
    a.timeline === b.timeline &&
    a.replayedLsn === b.replayedLsn
  );
}
