import { Backend } from './backend.ts';
import type { ServerCore } from './core.ts';
import { Creation } from './creation.ts';
import type { Receiver } from './receiver.ts';
import type { Toucher } from './slot-work.ts';

/** Makes a persistent slot as a person does at a prompt that is left open: it may take until transactions have ended. Throws 42710 or 53400. */
export function createByHand(
  core: ServerCore,
  receiver: Receiver,
  {
    name,
    plugin,
    twoPhase,
    ...who
  }: Toucher & { readonly name: string; readonly plugin: string; readonly twoPhase: boolean },
): void {
  let creation: Creation | undefined;
  const session = new Backend(core, receiver, {
    ...who,
    user: 'postgres',
    applicationName: 'psql',
    isWalsender: false,
    onEnd: (error) => creation?.abandon(error),
  });
  const pending = core.world.pending<number>();
  pending.whenEnded(() => core.sessions.delete(session));
  try {
    creation = new Creation(core, session, { name, plugin, temporary: false, twoPhase }, pending);
  } catch (error) {
    core.sessions.delete(session);
    throw error;
  }
}
