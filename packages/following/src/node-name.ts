import type { Manifest } from '@slotcast/domain';
import { type Logger, SlotcastError } from '@slotcast/kernel';
import { awaitNodeName, type NodeDirectory, type NodeNameClaimant } from '@slotcast/topics';
import type { StandbyServer } from './standby-server.ts';

/** What the name of this node is asked for with. */
export interface NodeNameQuestion {
  readonly node: string;
  /** Random id of this process. */
  readonly instance: string;
  readonly server: StandbyServer;
  /** Its reader has replayed the nodes topic. */
  readonly directory: NodeDirectory;
  /** The newest one of the slots topic. */
  readonly manifest: () => Manifest | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Resolves when this process may write as its node, beside this server. Rejects with SC_DUPLICATE_NODE before it fences anybody. */
export async function awaitStandbyName(question: NodeNameQuestion): Promise<void> {
  const { node, instance, server, manifest, signal } = question;
  const { systemIdentifier, serverStartedAt } = server.identity;
  const look = async (): Promise<NodeNameClaimant> => {
    const settings = (await server.look(signal))?.settings;
    const { upstream, primarySlotName } = settings ?? {};
    const own = { node, instance, systemIdentifier, serverStartedAt, upstream, primarySlotName };
    return { own, manifest: manifest() };
  };
  await awaitNodeName({ ...question, look });
}

/** Two consumers of one node would fence each other for ever, so the one that was fenced stops. */
export function refuseOtherInstance(directory: NodeDirectory, instance: string): void {
  const { own, node } = directory;
  if (own?.role === 'standby' && own.instance !== instance) {
    throw new SlotcastError(
      'SC_DUPLICATE_NODE',
      `another consumer of node ${node} (instance ${own.instance}) took over from this one (instance ${instance})`,
    );
  }
}
