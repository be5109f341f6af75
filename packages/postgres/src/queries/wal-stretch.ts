import { formatLsn, type Lsn, type Timeline, type WalStretch } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';
import { copyDoneMessage, queryMessage } from '../connection/wire-messages.ts';

const WAL_DATA = 'w'.charCodeAt(0);
/** The type, where the WAL in it begins, where the server's WAL ends, and the time. */
const WAL_DATA_HEAD_BYTES = 25;

/**
 * Reads the WAL of a timeline from `from` up to `to`, where the server left that timeline, or has at least so much of it. Needs a connection with `replication: true`, and no right but that; a
 * walsender sends WAL from wherever it is asked to. Rejects as `run` does, with pg's DatabaseError when the server has the WAL no more.
 */
export async function readWal(
  replication: PostgresConnection,
  wanted: { readonly timeline: Timeline; readonly from: Lsn; readonly to: Lsn },
  limits?: StatementLimits,
): Promise<WalStretch> {
  const { timeline, from, to } = wanted;
  const bytes = Buffer.alloc(Number(to - from));
  let isDone = false;
  const onCopyData = (content: Buffer): Buffer | undefined => {
    if (content[0] !== WAL_DATA) {
      return undefined;
    }
    const start = content.readBigUInt64BE(1);
    const data = content.subarray(WAL_DATA_HEAD_BYTES);
    data.copy(bytes, Number(start - from));
    const isAll = !isDone && start + BigInt(data.length) >= to;
    isDone ||= isAll;
    return isAll ? copyDoneMessage : undefined;
  };
  const content = queryMessage(`START_REPLICATION PHYSICAL ${formatLsn(from)} TIMELINE ${timeline}`);
  const [error] = await replication.runBatch({ content, commands: 1, onCopyData }, limits);
  if (error !== undefined) {
    throw error;
  }
  return { from, bytes };
}
