import {
  type EventLog,
  type LogReader,
  type LogRecord,
  type LogWriter,
  readToWrittenEnd,
} from '@slotcast/event-log';

/** The transactional id under which a node writes its own records. */
function nodeWriterId(cluster: string, node: string): string {
  return `slotcast.${cluster}.node.${node}`;
}

/**
 * Fences an earlier process of this node, and has `reader` read the nodes topic until all is known that it had written. The transactions of
 * other nodes hide what was committed behind them until they end, and those of a node that died do so for seconds: whoever
 * did not wait would take slots that are the node's own for somebody else's.
 */
export async function claimNode(options: {
  readonly log: EventLog;
  readonly cluster: string;
  readonly node: string;
  readonly nodesTopic: string;
  /** Has replayed the nodes topic. */
  readonly reader: LogReader;
  readonly onRecords: (records: readonly LogRecord[]) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<LogWriter> {
  const { log, cluster, node, nodesTopic: topic, reader, onRecords, signal } = options;
  const writer = await log.claim(nodeWriterId(cluster, node));
  try {
    await readToWrittenEnd({ log, topic, reader, onRecords, signal });
    return writer;
  } catch (error) {
    await writer.close();
    throw error;
  }
}
