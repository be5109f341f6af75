import { DatabaseError } from 'pg';

/** An error of the server as the driver gives it: with its SQLSTATE, and the function of the server that raised it. */
export function refusal(
  code: string,
  message: string,
  routine?: string,
  severity: 'ERROR' | 'FATAL' = 'ERROR',
): DatabaseError {
  return Object.assign(new DatabaseError(message, 0, 'error'), { severity, code, routine });
}

export const noSuchSlot = (name: string): DatabaseError =>
  refusal('42704', `replication slot "${name}" does not exist`, 'ReplicationSlotAcquire');

export const slotInUse = (name: string, pid: number): DatabaseError =>
  refusal('55006', `replication slot "${name}" is active for PID ${pid}`, 'ReplicationSlotAcquire');

export const nameTaken = (name: string): DatabaseError =>
  refusal('42710', `replication slot "${name}" already exists`, 'ReplicationSlotCreate');

export const allSlotsInUse = (): DatabaseError =>
  refusal('53400', 'all replication slots are in use', 'ReplicationSlotCreate');

export const statementCancelled = (): DatabaseError =>
  refusal('57014', 'canceling statement due to user request', 'ProcessInterrupts');

export const sessionTerminated = (): DatabaseError =>
  refusal('57P01', 'terminating connection due to administrator command', 'ProcessInterrupts', 'FATAL');

export const missingWal = (segment: string): DatabaseError =>
  refusal('58P01', `requested WAL segment ${segment} has already been removed`, 'wal_segment_open');

export const inRecovery = (what: string): DatabaseError => refusal('55000', 'recovery is in progress', what);
