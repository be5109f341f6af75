import { sharedCodec } from '../log/cached-codec.ts';
import type { CalmFacts, CalmSlot } from '../oracle/calm.ts';
import { readOrigin } from '../oracle/origin.ts';
import type { Note, SimServer } from '../types.ts';
import type { NodeServices } from '../world/node-services.ts';
import type { Cast } from './act.ts';

/** Reads from servers and topics how things stand. `since`: from when on all is calm, by the clock of Kafka. */
export async function readCalmFacts(parts: {
  readonly cast: Cast;
  readonly primary: SimServer;
  readonly servers: readonly SimServer[];
  readonly services: NodeServices;
  readonly notes: readonly Note[];
  readonly since: number;
}): Promise<CalmFacts> {
  const { cast, primary, servers, services, notes, since } = parts;
  const manifest = services.broker
    .topic(services.topics.slots)
    ?.committed.findLast(({ key }) => key !== null && new TextDecoder().decode(key).startsWith('@'));
  const states = await readStates(services, since);
  const slots: CalmSlot[] = [];
  const confirmedThere = new Map(primary.slots.map(({ name, confirmedFlush }) => [name, confirmedFlush]));
  for (const server of servers.filter(({ running, inRecovery }) => running && inRecovery)) {
    const { node, replayLsn } = server;
    for (const { name } of primary.slots) {
      const isOfCast = cast.slots.some((slot) => slot.name === name);
      const isWanted = cast.wanted?.[node]?.includes(name) ?? true;
      if (isOfCast && isWanted) {
        const confirmedHere = server.slots.find((slot) => slot.name === name)?.confirmedFlush;
        const standing = { replayLsn, confirmedHere, confirmedThere };
        slots.push({ node, slot: name, standing, ...(states.get(`${node}/${name}`) ?? unknown) });
      }
    }
  }
  const publisher = manifest === undefined ? undefined : readOrigin(manifest.headers)?.node;
  const name = `publisher@${primary.node}`;
  const isRunning = services.process(primary.node, 'publisher') !== undefined;
  const isRefused = !isRunning && notes.some((note) => note.kind === 'exit' && note.process === name);
  return { primary: primary.node, publisher, isRefused, slots };
}

type RecordedState = Pick<CalmSlot, 'state' | 'reasons' | 'changes'>;

const unknown: RecordedState = { state: undefined, reasons: [], changes: 0 };

/** The newest record of each slot on each node, and how often its state has changed since then. */
async function readStates(services: NodeServices, since: number) {
  const states = new Map<string, RecordedState>();
  for (const record of services.broker.topic(services.topics.nodes)?.committed ?? []) {
    const status = await sharedCodec.decodeNodesRecord(record);
    if (status.kind === 'node_slot') {
      const { state, reasons } = status;
      const key = `${status.node}/${status.slot}`;
      const before = states.get(key) ?? unknown;
      const isChange = record.timestamp >= since && state !== before.state;
      states.set(key, { state, reasons, changes: before.changes + (isChange ? 1 : 0) });
    }
  }
  return states;
}
