import type { ServerSession } from './core.ts';
import { sessionTerminated } from './sqlstate.ts';
import type { ServerStatement, StatementHandlers } from './statement.ts';

/** Advisory locks: one session at a time holds the one of a name, all databases alike. */
export const lockStatements: StatementHandlers = {
  try_node_lock: (statement) => {
    const { core, session, values } = statement;
    const holder = holderOf(statement);
    if (holder === undefined) {
      core.locks.set(String(values[0]), session);
    }
    return [{ taken: holder === undefined || holder === session }];
  },
  release_node_lock: (statement) => {
    const { core, session, values } = statement;
    if (holderOf(statement) === session) {
      core.locks.delete(String(values[0]));
    }
    return [{ pg_advisory_unlock: true }];
  },
  node_lock_holders: (statement) => {
    const holder = holderOf(statement);
    return holder === undefined ? [] : [{ own: holder === statement.session }];
  },
  end_node_lock_holders: (statement) => {
    const holder = holderOf(statement);
    if (holder === undefined || holder === statement.session || holder.user !== statement.session.user) {
      return [];
    }
    holder.terminate(sessionTerminated());
    return [{ pg_terminate_backend: true }];
  },
};

function holderOf({ core, values }: ServerStatement): ServerSession | undefined {
  const holder = core.locks.get(String(values[0]));
  return holder !== undefined && core.sessions.has(holder) ? holder : undefined;
}
