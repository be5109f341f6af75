import { type PostgresServer, startKafka } from '@slotcast/testkit';
import { textTable } from '@slotcast/views';
import { Belongings } from './belongings.ts';
import { type Failover, failOver } from './failover.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { waitPatiently } from './patience.ts';
import { SlotWatch } from './readiness.ts';
import { readSlots } from './server-facts.ts';
import { createShop, PUBLICATION, readOrders, SHOP_DATABASE, SLOTS } from './shop.ts';
import { type Stage, startServers, startSlotcast } from './stage.ts';
import { Subscriber } from './subscriber.ts';
import type { Talk } from './talk.ts';
import { judge } from './verdict.ts';
import { Writer } from './writer.ts';

/** Enough to see that life goes on: some five seconds. */
const ROWS_AFTER_FAILOVER = 600;
const ROWS_TIMEOUT_MS = 60_000;
const LAST_ROWS_TIMEOUT_MS = 20_000;

interface Applications {
  readonly writer: Writer;
  readonly subscribers: readonly Subscriber[];
}

interface Play extends Applications {
  readonly talk: Talk;
  readonly stage: Stage;
  readonly watch: SlotWatch;
}

/** Plays the whole failover and returns what came of it. Throws a DemoFailure when it does not get to its end. */
export async function playDemo(talk: Talk): Promise<Outcome> {
  await using belongings = new Belongings();
  const kafkaStart = startKafka();
  // It is awaited when the servers are up; until then a failure must not count as one that nobody looks at.
  kafkaStart.catch(() => undefined);
  talk.title('A PostgreSQL cluster with subscribers');
  const servers = await startServers(talk, belongings);
  const applications = await openShop({ talk, primary: servers.primary, belongings });
  talk.title('slotcast beside every server');
  const { bootstrapServers } = await talk.step({
    doing: 'starting Apache Kafka',
    work: async () => belongings.own(await kafkaStart),
    done: (kafka) => `Apache Kafka at ${kafka.bootstrapServers}`,
  });
  const stage = await startSlotcast({ talk, belongings, servers, kafkaBootstrapServers: bootstrapServers });
  const watch = new SlotWatch(stage, () => expectWorking(applications));
  const play = { ...applications, talk, stage, watch };
  await untilReady(play);
  talk.title('The primary dies');
  const failover = await failOver(play);
  const failoverMs = await untilEverybodyIsBack(play, failover);
  talk.title('Life on the new primary');
  await untilReadyAgain(play, failover);
  talk.title('Is anything missing?');
  const outcome = await findOut(play, failover, failoverMs);
  await stop(play, failover);
  return outcome;
}

async function openShop(options: {
  readonly talk: Talk;
  readonly primary: PostgresServer;
  readonly belongings: Belongings;
}): Promise<Applications> {
  const { talk, primary, belongings } = options;
  await talk.step({
    doing: `creating database ${SHOP_DATABASE}`,
    work: () => createShop(primary),
    done: () =>
      `database ${SHOP_DATABASE}: publication ${PUBLICATION}, logical slots ${SLOTS.join(', ')} (pgoutput)`,
  });
  const url = primary.url(SHOP_DATABASE);
  const subscribers = SLOTS.map((slot) => belongings.own(new Subscriber(slot, url)));
  const writer = belongings.own(new Writer(url));
  talk.say('a writer inserts numbered rows; pg-logical-replication reads each slot');
  return { writer, subscribers };
}

function expectWorking({ writer, subscribers }: Applications): void {
  writer.application.expectWorking();
  for (const { application } of subscribers) {
    application.expectWorking();
  }
}

async function untilReady({ talk, stage, watch, writer }: Play): Promise<void> {
  const { primary, standbys } = stage;
  await talk.step({
    doing: 'waiting until all slots are ready on both standbys',
    detail: () => `${writer.acknowledged} rows written; ${watch.summary()}`,
    work: () => watch.untilReady({ standbys }),
    done: () => `all ${SLOTS.length} slots are ready on ${standbys.map(({ name }) => name).join(' and ')}`,
  });
  const nodes = [primary, ...standbys];
  const places = await Promise.all(nodes.map(({ server }) => readSlots(server)));
  const rows = SLOTS.map((slot) => [
    `slot ${slot}`,
    ...nodes.map(({ name }, index) => `${name} ${places[index]?.get(slot)?.confirmedFlushLsn ?? '-'}`),
  ]);
  for (const line of textTable(rows)) {
    talk.say(line);
  }
}

function untilWritten(applications: Applications, row: number): Promise<unknown> {
  return waitPatiently({
    what: `row ${row} to be written`,
    timeoutMs: ROWS_TIMEOUT_MS,
    look: () => {
      expectWorking(applications);
      return applications.writer.lastNumber >= row;
    },
    explain: () => Promise.resolve([describeConnections(applications)]),
  });
}

function describeConnections({ writer, subscribers }: Applications): string {
  const errors = [
    `writer: ${writer.application.lastError ?? 'connected'}`,
    ...subscribers.map(({ slot, application }) => `${slot}: ${application.lastError ?? 'connected'}`),
  ];
  return errors.join('; ');
}

/** Waits for the first row of the new timeline at every subscriber; returns the milliseconds since SIGKILL. */
async function untilEverybodyIsBack(play: Play, failover: Failover): Promise<number> {
  const { talk, subscribers } = play;
  const lastArrival = (): number | undefined => {
    const arrivals = subscribers.map(({ rows }) => rows.watchedRowAt);
    return arrivals.every((arrival) => arrival !== undefined) ? Math.max(...arrivals) : undefined;
  };
  const since = (arrival: number): number => arrival - failover.killedAtMs;
  const arrival = await talk.step({
    doing: `waiting for rows of timeline ${failover.timeline} at every subscriber`,
    work: () =>
      waitPatiently({
        what: `a row of timeline ${failover.timeline} at every subscriber`,
        timeoutMs: ROWS_TIMEOUT_MS,
        look: () => {
          expectWorking(play);
          return lastArrival();
        },
        explain: () => Promise.resolve([describeConnections(play)]),
      }),
    done: (arrival) =>
      `every subscriber has rows of timeline ${failover.timeline}: ${Math.round(since(arrival))} ms after SIGKILL`,
  });
  return since(arrival);
}

async function untilReadyAgain(play: Play, failover: Failover): Promise<void> {
  const { talk, watch, writer } = play;
  const { newPrimary, otherStandby, switchLsn, timeline } = failover;
  await talk.step({
    doing: `waiting for the ${newPrimary.publisher.name}`,
    work: () => watch.untilPublishing(newPrimary),
    done: (epoch) => `the ${newPrimary.publisher.name} publishes timeline ${timeline}, epoch ${epoch}`,
  });
  await talk.step({
    doing: `waiting until all slots are ready on ${otherStandby.name} beyond ${switchLsn}`,
    detail: () => watch.summary(),
    work: () => watch.untilReady({ standbys: [otherStandby], beyondLsn: switchLsn }),
    done: () =>
      `all ${SLOTS.length} slots are ready on ${otherStandby.name} again, beyond ${switchLsn}: the next failover may come`,
  });
  const enough = failover.killedAtRow + ROWS_AFTER_FAILOVER;
  await talk.step({
    doing: `letting the writer get to row ${enough}`,
    detail: () => String(writer.lastNumber),
    work: () => untilWritten(play, enough),
    done: () => `${writer.acknowledged} rows written`,
  });
}

async function findOut(play: Play, failover: Failover, failoverMs: number): Promise<Outcome> {
  const { talk, writer, subscribers } = play;
  const { server } = failover.newPrimary;
  await writer.application.stop();
  const onNewPrimary = await readOrders(server);
  const received = new Map(subscribers.map(({ slot, rows }) => [slot, rows]));
  const verdict = await talk.step({
    doing: `comparing ${onNewPrimary.size} rows on ${failover.newPrimary.name} with what the subscribers have`,
    work: async () => {
      const deadline = performance.now() + LAST_ROWS_TIMEOUT_MS;
      // Rows that never come are the answer that the demo is there to find, and not a failure of the demo.
      return await waitPatiently({
        what: 'the last rows',
        timeoutMs: LAST_ROWS_TIMEOUT_MS * 2,
        look: () => {
          expectWorking(play);
          const seen = judge({ onNewPrimary, received });
          return seen.missing === 0 || performance.now() > deadline ? seen : undefined;
        },
        explain: () => Promise.resolve([describeConnections(play)]),
      });
    },
    done: ({ missing }) =>
      missing === 0
        ? `all ${onNewPrimary.size} rows reached all ${subscribers.length} subscribers`
        : `${missing} rows did not arrive within ${LAST_ROWS_TIMEOUT_MS / 1000} s`,
  });
  for (const [slot, rows] of verdict.missingRows) {
    if (rows.length > 0) {
      talk.complain(`${slot}: ${rows.length} rows are missing, from ${rows.at(0)} to ${rows.at(-1)}`);
    }
  }
  return outcomeOf({
    rowsWritten: writer.acknowledged,
    rowsOnNewPrimary: onNewPrimary.size,
    verdict,
    failover,
    failoverMs,
    slotsOnNewPrimary: await readSlots(server),
    slotsOnStandby: await readSlots(failover.otherStandby.server),
  });
}

/** Ends applications and services in order; the servers go with the stage. */
async function stop({ talk, subscribers }: Play, { newPrimary, otherStandby }: Failover): Promise<void> {
  await talk.step({
    doing: 'stopping subscribers, publishers and consumers',
    work: async () => {
      await Promise.all(subscribers.map(({ application }) => application.stop()));
      const services = [newPrimary, otherStandby].flatMap(({ publisher, consumer }) => [publisher, consumer]);
      await Promise.all(services.map((service) => service.stop()));
    },
    done: () => 'subscribers, publishers and consumers stopped cleanly',
  });
}
