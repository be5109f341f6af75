import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ControlFile,
  decodeControlFile,
  decodeRunningTransactions,
  parseWalFileName,
  type RunningTransactions,
  readWalRecord,
  segmentNumber,
  type WalRecord,
  type WalShape,
  type WalSource,
  walFileName,
} from '@slotcast/data-folder';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresServer } from '@slotcast/testkit';

export function controlFileOf(server: PostgresServer): ControlFile {
  return decodeControlFile(readFileSync(join(server.dataFolder, 'global', 'pg_control')));
}

export function shapeOf(control: ControlFile): WalShape {
  const { major, systemIdentifier, walSegmentSize, walPageSize } = control;
  return { major, systemIdentifier, segmentSize: walSegmentSize, pageSize: walPageSize };
}

/** The WAL of a server that was never promoted. */
export function walOf(server: PostgresServer): WalSource {
  const control = controlFileOf(server);
  const shape = shapeOf(control);
  const { segmentSize, pageSize } = shape;
  return {
    shape,
    timelineAt: () => control.timeline,
    page: (address) => {
      const number = segmentNumber(address, segmentSize);
      const name = walFileName({ timeline: control.timeline, number }, segmentSize);
      if (parseWalFileName(name, segmentSize)?.number !== number) {
        throw new Error(`${name} is not the name of segment ${number}`);
      }
      const offset = Number(address % BigInt(segmentSize));
      const page = Buffer.alloc(pageSize);
      const file = openSync(join(server.dataFolder, 'pg_wal', name), 'r');
      try {
        assert.equal(readSync(file, page, 0, pageSize, offset), pageSize);
      } finally {
        closeSync(file);
      }
      return page;
    },
  };
}

/** The first record from a position on that tells of running transactions, and itself. */
export function nextRunning(
  source: WalSource,
  from: Lsn,
): { readonly record: WalRecord; readonly running: RunningTransactions } {
  let at = from;
  for (;;) {
    const reading = readWalRecord(source, at);
    if (reading.kind !== 'record') {
      throw new Error(`no running-transactions record from ${from} to ${at}: ${reading.kind}`);
    }
    const running = decodeRunningTransactions(reading.record);
    if (running !== undefined) {
      return { record: reading.record, running };
    }
    at = reading.record.endLsn;
  }
}

export async function insertLsn(server: PostgresServer): Promise<Lsn> {
  const [row] = await server.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn');
  return parseLsn(row?.lsn ?? '');
}
