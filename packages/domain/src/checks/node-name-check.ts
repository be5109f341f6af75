import { describeServer, isSameServer, type NodeServer, nodeNameLimits } from '../role/node-name.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import { type Check, failed, info, ok } from './check.ts';

/** Clocks of two machines that are right may differ by that. */
const CLOCKS_MS = 5000;

/** Judges whether the name of this node is used beside another server, too. `record` is the newest one of the node, which has said nothing for `silentMs` since. */
export function checkNodeName(
  own: Omit<NodeServer, 'instance'>,
  record: NodeStatus | undefined,
  silentMs: number,
): Check {
  const { node, serverStartedAt } = own;
  if (record === undefined || isSameServer(own, record)) {
    return ok('node_name', `${node}, which no other server uses`);
  }
  // What this server's services wrote before it was started anew tells of another start, too.
  if (record.time <= serverStartedAt + CLOCKS_MS) {
    return ok('node_name', `${node}; its services have not written since this server was started`);
  }
  const seconds = Math.round(silentMs / 1000);
  const message = `the name ${node} was used ${seconds} s ago beside another server, ${describeServer(record)}`;
  return silentMs > nodeNameLimits.silentMs
    ? info('node_name', `${message}; nobody uses it now`)
    : failed('node_name', message, 'SLOTCAST_NODE=<a name of its own>, here or beside that server');
}
