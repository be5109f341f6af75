import { sharedCodec } from '../log/cached-codec.ts';
import type { CalmFacts, CalmSlot } from '../oracle/calm.ts';
import { readOrigin } from '../oracle/origin.ts';
import type { Note, SimServer } from '../types.ts';
import type { NodeServices } from '../world/node-services.ts';
import type { Cast } from './act.ts';

/** Reads from servers and topics how things stand. */
export async function readCalmFacts(parts: {
  readonly cast: Cast;
  readonly primary: SimServer;
  readonly servers: readonly SimServer[];
  readonly services: NodeServices;
  readonly notes: readonly Note[];
}): Promise<CalmFacts> {
  const { cast, primary, servers, services, notes } = parts;
  const manifest = services.broker
    .topic(services.topics.slots)
    ?.committed.findLast(({ key }) => key !== null && new TextDecoder().decode(key).startsWith('@'));
  const states = await readStates(services);
  const slots: CalmSlot[] = [];
  for (const { node } of servers.filter((server) => server.running && server.inRecovery)) {
    for (const { name } of primary.slots) {
      const isOfCast = cast.slots.some((slot) => slot.name === name);
      const isWanted = cast.wanted?.[node]?.includes(name) ?? true;
      if (isOfCast && isWanted) {
        slots.push({ node, slot: name, state: undefined, reasons: 0, ...states.get(`${node}/${name}`) });
      }
    }
  }
  const publisher = manifest === undefined ? undefined : readOrigin(manifest.headers)?.node;
  const name = `publisher@${primary.node}`;
  const isRunning = services.process(primary.node, 'publisher') !== undefined;
  const isRefused = !isRunning && notes.some((note) => note.kind === 'exit' && note.process === name);
  return { primary: primary.node, publisher, isRefused, slots };
}

/** The newest record of each slot on each node. */
async function readStates(services: NodeServices) {
  const states = new Map<string, Pick<CalmSlot, 'state' | 'reasons'>>();
  for (const record of services.broker.topic(services.topics.nodes)?.committed ?? []) {
    const status = await sharedCodec.decodeNodesRecord(record);
    if (status.kind === 'node_slot') {
      states.set(`${status.node}/${status.slot}`, { state: status.state, reasons: status.reasons.length });
    }
  }
  return states;
}
