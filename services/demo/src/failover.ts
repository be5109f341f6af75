import { textTable } from '@slotcast/views';
import { DemoFailure } from './demo-failure.ts';
import {
  readEndOfReceivedWal,
  readSlots,
  readSwitchLsn,
  readWalPlace,
  type SlotPlace,
  type WalPlace,
} from './server-facts.ts';
import { SHOP_DATABASE, SLOTS } from './shop.ts';
import type { Node, Stage } from './stage.ts';
import type { Subscriber } from './subscriber.ts';
import type { Talk } from './talk.ts';
import type { Writer } from './writer.ts';

export interface FailoverOptions {
  readonly stage: Stage;
  readonly writer: Writer;
  readonly subscribers: readonly Subscriber[];
  readonly talk: Talk;
}

/** How the cluster looks after the failover. */
export interface Failover {
  /** When SIGKILL was sent, on the monotonic clock. */
  readonly killedAtMs: number;
  /** The last number that the writer had begun by then. */
  readonly killedAtRow: number;
  readonly newPrimary: Node;
  readonly otherStandby: Node;
  readonly timeline: number;
  /** Where the new timeline leaves the old one. */
  readonly switchLsn: string;
  /** The slots of the new primary before any subscriber came. */
  readonly slotsAtPromotion: ReadonlyMap<string, SlotPlace>;
}

/** Kills the primary, promotes a standby, and sends writer, subscribers and the other standby to it. */
export async function failOver(options: FailoverOptions): Promise<Failover> {
  const { stage, writer, subscribers, talk } = options;
  const [before, place] = await Promise.all([
    readSlots(stage.primary.server),
    readWalPlace(stage.primary.server),
  ]);
  const { killedAtMs, killedAtRow } = await kill(options, place);
  const { newPrimary, otherStandby } = await chooseStandby(stage, talk);
  const { wal, switchLsn, slots } = await promote(newPrimary, talk);
  const url = newPrimary.server.url(SHOP_DATABASE);
  const firstNewRow = writer.lastNumber + 1;
  writer.application.moveTo(url);
  for (const { rows, application } of subscribers) {
    rows.watchFor(firstNewRow);
    application.moveTo(url);
  }
  describeSlots({ before, after: slots, node: newPrimary.name, talk });
  await talk.step({
    doing: `pointing ${otherStandby.name} to ${newPrimary.name}`,
    work: async () => {
      await otherStandby.server.follow(newPrimary.server);
      return readWalPlace(otherStandby.server);
    },
    done: ({ timeline, lsn }) =>
      `${otherStandby.name} streams timeline ${timeline} from ${newPrimary.name} through the physical slot ${otherStandby.name}, has replayed ${lsn}`,
  });
  return {
    killedAtMs,
    killedAtRow,
    newPrimary,
    otherStandby,
    timeline: wal.timeline,
    switchLsn,
    slotsAtPromotion: slots,
  };
}

async function kill(
  { stage, writer, talk }: FailoverOptions,
  place: WalPlace,
): Promise<Pick<Failover, 'killedAtMs' | 'killedAtRow'>> {
  const { server, publisher, consumer } = stage.primary;
  const killedAtMs = performance.now();
  const killedAtRow = await talk.step({
    doing: 'SIGKILL to the primary',
    work: async () => {
      await Promise.all([server.kill(), publisher.kill(), consumer.kill()]);
      return writer.lastNumber;
    },
    done: (killedAtRow) =>
      `SIGKILL to all processes of the primary, its publisher and its consumer: at row ${killedAtRow}, timeline ${place.timeline}, WAL flushed to ${place.lsn} or a little more`,
  });
  return { killedAtMs, killedAtRow };
}

/** As any failover manager does: a standby that is behind another one could not be followed by it. */
async function chooseStandby(
  stage: Stage,
  talk: Talk,
): Promise<{ readonly newPrimary: Node; readonly otherStandby: Node }> {
  const candidates = await Promise.all(
    stage.standbys.map(async (node) => ({ node, end: await readEndOfReceivedWal(node.server) })),
  );
  const [first, second] = candidates.toSorted((a, b) => Number(b.end.bytes - a.end.bytes));
  if (first === undefined || second === undefined) {
    throw new DemoFailure('there are no two standbys to choose from');
  }
  const received = candidates.map(({ node, end }) => `${node.name} to ${end.lsn}`).join(', ');
  talk.say(`WAL was received by ${received}: ${first.node.name} is to be promoted`);
  return { newPrimary: first.node, otherStandby: second.node };
}

async function promote(
  node: Node,
  talk: Talk,
): Promise<{
  readonly wal: WalPlace;
  readonly switchLsn: string;
  readonly slots: ReadonlyMap<string, SlotPlace>;
}> {
  const promoted = await talk.step({
    doing: `promoting ${node.name}`,
    work: async () => {
      await node.server.promote();
      const wal = await readWalPlace(node.server);
      const switchLsn = await readSwitchLsn(node.server, wal.timeline);
      return { wal, switchLsn, slots: await readSlots(node.server) };
    },
    done: ({ wal, switchLsn }) =>
      `${node.name} is the primary: timeline ${wal.timeline} begins at ${switchLsn}`,
  });
  const lost = SLOTS.filter((slot) => !promoted.slots.has(slot));
  if (lost.length > 0) {
    throw new DemoFailure(`${node.name} was promoted without the slots ${lost.join(', ')}`, {
      evidence: [await node.consumer.logTail(), await node.publisher.logTail()],
    });
  }
  return promoted;
}

function describeSlots(options: {
  readonly before: ReadonlyMap<string, SlotPlace>;
  readonly after: ReadonlyMap<string, SlotPlace>;
  readonly node: string;
  readonly talk: Talk;
}): void {
  const { before, after, node, talk } = options;
  const rows = SLOTS.map((slot) => [
    `slot ${slot}`,
    `confirmed_flush_lsn ${after.get(slot)?.confirmedFlushLsn ?? '-'} on ${node}`,
    `(on the old primary ${before.get(slot)?.confirmedFlushLsn ?? '-'} just before)`,
  ]);
  for (const line of textTable(rows)) {
    talk.say(line);
  }
}
