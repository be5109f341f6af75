import { runCommand } from '../support/command.ts';
import type { Cast } from './cast.ts';
import type { ServerName } from './round-plan.ts';

interface Answer {
  readonly slots: readonly { readonly slot: string; readonly result: string; readonly reason: string }[];
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'slots' in value && Array.isArray(value.slots);
}

/**
 * What is wrong with the answer of `slotcast verify` on a standby while nothing fails and a writer writes: nobody has made a copy wrong, so each
 * that is ready is proven. What it proves is held against the rows that arrive after the next promotion.
 */
export async function judgeProofs(name: ServerName, cast: Cast): Promise<readonly string[]> {
  const { scene } = cast;
  const host = cast.host(name);
  const { stdout, stderr } = await cast.diary.act(`slotcast verify on ${name}`, () =>
    // The command itself is killed after a minute, of which a busy machine takes some for its start.
    runCommand(['verify', '--output', 'json', '--timeout', '40s'], {
      ...scene.environment(host.server),
      SLOTCAST_HTTP_LISTEN: host.listen,
    }),
  );
  const answer: unknown = stdout === '' ? undefined : JSON.parse(stdout);
  if (!isAnswer(answer)) {
    return [`slotcast verify on ${name} gave no answer (${stderr.slice(0, 500)})`];
  }
  const ready = cast.subscribers.filter(({ slot }) => scene.records.slot(name, slot)?.state === 'ready');
  return ready.flatMap(({ slot }) => {
    const proof = answer.slots.find((each) => each.slot === slot);
    return proof?.result === 'proven'
      ? []
      : [
          `slotcast verify on ${name} calls the copy of ${slot} ${proof?.result ?? 'nothing'} (${proof?.reason ?? ''})`,
        ];
  });
}
