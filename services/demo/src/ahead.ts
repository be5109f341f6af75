import { parseLsn } from '@slotcast/domain';
import { Deadline } from '@slotcast/kernel';
import { subscribe } from '@slotcast/postgres';
import { type PostgresServer, startKafka } from '@slotcast/testkit';
import { textTable } from '@slotcast/views';
import { Belongings } from './belongings.ts';
import { waitPatiently } from './patience.ts';
import { SlotWatch } from './readiness.ts';
import { readSlots, readSwitchLsn, readWalPlace } from './server-facts.ts';
import { createShop, ORDERS_TABLE, PUBLICATION, SHOP_DATABASE, SLOTS } from './shop.ts';
import { type Stage, startServers, startSlotcast } from './stage.ts';
import { Subscriber } from './subscriber.ts';
import type { Talk } from './talk.ts';

const TIMEOUT_MS = 30_000;
/** Rows that only the old primary gets. */
const ROWS_AHEAD = 20;
/** Rows that are written first on the new primary; they are the ones in danger. */
const ROWS_AFTER = 10;
/** WAL that the old primary writes besides, so that the first rows of the new one surely lie before what is confirmed. */
const AHEAD_BYTES = 500_000;
/** WAL that takes the last row past everything that the subscriber had confirmed, so that it arrives in any case. */
const FILLER_BYTES = 2_000_000;
const [SLOT] = SLOTS;

/** What became of the first rows of the new primary. */
interface AheadAct {
  readonly rowsWritten: number;
  readonly rowsReceived: number;
  /** What the subscriber had confirmed on the old primary, and asks for on the new one. */
  readonly confirmedLsn: string;
  /** Where the new primary left the old one's timeline. */
  readonly switchLsn: string;
}

/** What the scenario found: the object of `--output json`. */
export interface AheadOutcome {
  readonly without: AheadAct;
  readonly with: AheadAct;
  /** Rows that did not arrive although slotcast was there. */
  readonly missing: number;
}

/** Plays the failover of a standby that is behind a subscriber twice, without and with slotcast. Throws a DemoFailure when it does not get to its end. */
export async function playAhead(talk: Talk): Promise<AheadOutcome> {
  await using belongings = new Belongings();
  const { bootstrapServers } = await talk.step({
    doing: 'starting Apache Kafka',
    work: async () => belongings.own(await startKafka()),
    done: (kafka) => `Apache Kafka at ${kafka.bootstrapServers}`,
  });
  talk.title('Without slotcast at the promotion');
  const without = await playAct({ talk, bootstrapServers, cluster: 'demo_without', isThere: false });
  talk.title('With slotcast at the promotion');
  const withIt = await playAct({ talk, bootstrapServers, cluster: 'demo_with', isThere: true });
  return { without, with: withIt, missing: withIt.rowsWritten - withIt.rowsReceived };
}

interface Act {
  readonly talk: Talk;
  readonly bootstrapServers: string;
  readonly cluster: string;
  /** Whether publisher and consumer still run when the standby is promoted. */
  readonly isThere: boolean;
}

async function playAct({ talk, bootstrapServers, cluster, isThere }: Act): Promise<AheadAct> {
  await using belongings = new Belongings();
  const servers = await startServers(talk, belongings, ['standby1']);
  await createShop(servers.primary);
  const stage = await startSlotcast({
    talk,
    belongings,
    servers,
    kafkaBootstrapServers: bootstrapServers,
    cluster,
  });
  const confirmedLsn = await getAhead(talk, stage, belongings);
  const { primary, standbys } = stage;
  const [standby] = standbys;
  if (standby === undefined) {
    throw new Error('the stage has no standby');
  }
  await Promise.all([primary.server.kill(), primary.publisher.kill(), primary.consumer.kill()]);
  if (!isThere) {
    await Promise.all([standby.publisher.kill(), standby.consumer.kill()]);
  }
  talk.say(`SIGKILL to the primary${isThere ? '' : ", and to slotcast's services on the standby"}`);
  const { server } = standby;
  await server.promote();
  const { timeline } = await readWalPlace(server);
  const switchLsn = await readSwitchLsn(server, timeline);
  talk.say(`standby1 is promoted: timeline ${timeline} begins at ${switchLsn}`);
  const first = ROWS_AHEAD + 2;
  const last = first + ROWS_AFTER;
  await insertOrders(server, first, last - 1);
  await fill(server, FILLER_BYTES);
  await insertOrders(server, last, last);
  const received = await consumeFrom(server, confirmedLsn, last);
  const rowsReceived = [...received].filter((row) => row >= first && row < last).length;
  talk.say(`${ROWS_AFTER} rows were written at once, and ${rowsReceived} of them arrived`);
  return { rowsWritten: ROWS_AFTER, rowsReceived, confirmedLsn, switchLsn };
}

/** Lets the subscriber confirm rows that the standby does not receive; returns what it has confirmed, once the topic has it, too. */
async function getAhead(talk: Talk, stage: Stage, belongings: Belongings): Promise<string> {
  const [standby] = stage.standbys;
  const { server } = stage.primary;
  const subscribers = SLOTS.map((slot) => belongings.own(new Subscriber(slot, server.url(SHOP_DATABASE))));
  const watch = new SlotWatch(stage, () =>
    subscribers.forEach(({ application }) => application.expectWorking()),
  );
  await insertOrders(server, 1, 1);
  await talk.step({
    doing: 'waiting until the slots are ready on the standby',
    work: () => watch.untilReady({ standbys: stage.standbys }),
    done: () => 'the slots are ready on the standby',
  });
  await server.waitForReplay(stage.standbys[0]?.server ?? server);
  await standby?.server.cutOff();
  await fill(server, AHEAD_BYTES);
  await insertOrders(server, 2, ROWS_AHEAD + 1);
  const { lsn } = await readWalPlace(server);
  const confirmed = await waitPatiently({
    what: 'the subscriber to confirm the last rows',
    timeoutMs: TIMEOUT_MS,
    look: async () => {
      const place = (await readSlots(server)).get(SLOT)?.confirmedFlushLsn;
      return place !== undefined && parseLsn(place) >= parseLsn(lsn) ? place : undefined;
    },
    explain: () => Promise.resolve([]),
  });
  await Promise.all(subscribers.map(({ application }) => application.stop()));
  await waitPatiently({
    what: 'the topic to have what the subscriber has confirmed',
    timeoutMs: TIMEOUT_MS,
    look: async () =>
      /^slotcast_consumer_waiting_events [1-9]/m.test((await standby?.consumer.page('/metrics')) ?? ''),
    explain: () => Promise.resolve([]),
  });
  talk.say(
    `the standby is cut off; the subscriber of slot ${SLOT} has ${ROWS_AHEAD} rows more, and has confirmed ${confirmed}`,
  );
  return confirmed;
}

async function fill(server: PostgresServer, bytes: number): Promise<void> {
  await server.query("select pg_logical_emit_message(false, 'demo', repeat(' ', $1))", [bytes]);
}

async function insertOrders(server: PostgresServer, from: number, to: number): Promise<void> {
  for (let row = from; row <= to; row += 1) {
    await server.query(`insert into ${ORDERS_TABLE} (id) values ($1)`, [row], SHOP_DATABASE);
  }
}

/** The rows that a client gets which insists on its own position, up to `last`. */
async function consumeFrom(
  server: PostgresServer,
  position: string,
  last: number,
): Promise<ReadonlySet<number>> {
  const rows = new Set<number>();
  const stop = new AbortController();
  using deadline = new Deadline(stop.signal, TIMEOUT_MS);
  await subscribe({
    connection: { url: server.url(SHOP_DATABASE), applicationName: 'demo-ahead' },
    slot: SLOT,
    publication: PUBLICATION,
    startLsn: parseLsn(position),
    onRow: ({ row }) => {
      rows.add(Number(row['id']));
      if (rows.has(last)) {
        stop.abort();
      }
    },
    signal: deadline.signal,
  });
  return rows;
}

/** The closing table for people. */
export function aheadTable(outcome: AheadOutcome): string {
  return [
    ...textTable([
      ['', 'standby had WAL up to', 'subscriber asks for', 'rows written', 'received', 'vanished'],
      actRow('without slotcast', outcome.without),
      actRow('with slotcast', outcome.with),
    ]),
    '',
    outcome.missing === 0
      ? 'With the WAL fence no row of the new primary is skipped. Rows that the subscriber had received from the lost WAL are on no server.'
      : `${outcome.missing} rows are missing although slotcast was there: this must not happen; please report it.`,
    '',
  ].join('\n');
}

function actRow(name: string, act: AheadAct): string[] {
  return [
    name,
    act.switchLsn,
    act.confirmedLsn,
    String(act.rowsWritten),
    String(act.rowsReceived),
    String(act.rowsWritten - act.rowsReceived),
  ];
}
