import { topicNames } from '@slotcast/event-log';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';
import type { Belongings } from './belongings.ts';
import { readServerFacts, readWalPlace } from './server-facts.ts';
import { runSlotcast, ServiceProcess, type SlotcastSettings } from './service-process.ts';
import type { Talk } from './talk.ts';

/** Name of the cluster unless it is given. */
const CLUSTER = 'demo';
const STANDBYS = ['standby1', 'standby2'] as const;
/** Where slotcast's services connect to; they find the databases of the slots by themselves. */
const SERVICE_DATABASE = 'postgres';
/** The least-privileged role that publisher and consumer run with. */
const ROLE = 'slotcast';
/** The prefix of the topics when nothing is configured. */
const TOPIC_PREFIX = 'slotcast';

/** One server and the two services beside it. */
export interface Node {
  readonly name: string;
  readonly server: PostgresServer;
  readonly publisher: ServiceProcess;
  readonly consumer: ServiceProcess;
}

/** The servers of the cluster. */
export interface Servers {
  readonly primary: PostgresServer;
  readonly standbys: readonly PostgresServer[];
}

/** The servers with slotcast beside them. */
export interface Stage {
  readonly settings: SlotcastSettings;
  readonly topics: ReturnType<typeof topicNames>;
  readonly primary: Node;
  readonly standbys: readonly Node[];
}

/** Starts a primary and two standbys, or as many as are named, with the role that slotcast needs. */
export async function startServers(
  talk: Talk,
  belongings: Belongings,
  names: readonly string[] = STANDBYS,
): Promise<Servers> {
  const primary = await talk.step({
    doing: 'starting PostgreSQL 18',
    work: async () => {
      const server = belongings.own(await startPrimary({ major: 18 }));
      await server.createRole(ROLE);
      return { server, facts: await readServerFacts(server), wal: await readWalPlace(server) };
    },
    done: ({ server, facts, wal }) =>
      `primary: PostgreSQL ${facts.version} at 127.0.0.1:${server.port}, system identifier ${facts.systemIdentifier}, timeline ${wal.timeline}, WAL at ${wal.lsn}`,
  });
  const standbys: PostgresServer[] = [];
  for (const name of names) {
    const standby = await talk.step({
      doing: `adding ${name}`,
      work: async () => {
        const settings = { wal_receiver_status_interval: '1s' };
        const server = await primary.server.addStandby({ name, settings });
        return { server, wal: await readWalPlace(server) };
      },
      done: ({ server, wal }) =>
        `${name}: at 127.0.0.1:${server.port}, streams timeline ${wal.timeline} through the physical slot ${name}, has replayed ${wal.lsn}`,
    });
    standbys.push(standby.server);
  }
  return { primary: primary.server, standbys };
}

/** Creates the topics, and starts publisher and consumer of each server. */
export async function startSlotcast(options: {
  readonly talk: Talk;
  readonly belongings: Belongings;
  readonly servers: Servers;
  readonly kafkaBootstrapServers: string;
  readonly cluster?: string;
}): Promise<Stage> {
  const { talk, belongings, servers, kafkaBootstrapServers, cluster = CLUSTER } = options;
  const settings = { cluster, kafkaBootstrapServers };
  const topics = topicNames(TOPIC_PREFIX, cluster);
  await talk.step({
    doing: 'slotcast topic create',
    work: () => runSlotcast(['topic', 'create'], settings),
    done: () => `slotcast topic create: ${topics.slots}, ${topics.nodes}`,
  });
  const start = (server: PostgresServer): Promise<Node> => startNode(server, settings, belongings);
  const [primary, standbys] = await talk.step({
    doing: 'starting slotcast publisher and slotcast consumer beside each server',
    work: () => Promise.all([start(servers.primary), Promise.all(servers.standbys.map(start))]),
    done: () =>
      `slotcast publisher and slotcast consumer run beside each server, as role ${ROLE}: REPLICATION, pg_monitor, no superuser`,
  });
  return { settings, topics, primary, standbys };
}

async function startNode(
  server: PostgresServer,
  settings: SlotcastSettings,
  belongings: Belongings,
): Promise<Node> {
  const { name } = server;
  const postgresUrl = server.url(SERVICE_DATABASE, ROLE);
  const publisher = await ServiceProcess.start({ ...settings, kind: 'publisher', node: name, postgresUrl });
  belongings.own(publisher);
  const consumer = await ServiceProcess.start({ ...settings, kind: 'consumer', node: name, postgresUrl });
  belongings.own(consumer);
  return { name, server, publisher, consumer };
}
