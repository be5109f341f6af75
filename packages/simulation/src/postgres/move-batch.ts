import { DatabaseError } from 'pg';
import type { ServerCore } from './core.ts';
import { parsePosition } from './position-text.ts';
import { enableTwoPhase, moveSlot, type Toucher } from './slot-work.ts';

const START = /START_REPLICATION SLOT "(\w+)" LOGICAL ([0-9A-F]+\/[0-9A-F]+)( \([^)]*"two_phase" 'on'\))?/g;

/** Answers the commands of a batch of moves, or of one that makes a slot two_phase, in pairs: what lets the session forget its last stream is always refused, and only looks at nothing. */
export function moveBatch(
  core: ServerCore,
  who: Toucher,
  { content, commands }: { readonly content: Buffer; readonly commands: number },
): readonly (DatabaseError | undefined)[] {
  const answers: (DatabaseError | undefined)[] = [];
  for (const [, name = '', target = '', asksForTwoPhase] of content.toString('latin1').matchAll(START)) {
    const work = (): void =>
      asksForTwoPhase === undefined
        ? moveSlot(core, who, name, parsePosition(target))
        : enableTwoPhase(core, who, name);
    answers.push(undefined, refusalOf(work));
  }
  if (answers.length !== commands) {
    throw new Error(`the twin of PostgreSQL found ${answers.length} of ${commands} replication commands`);
  }
  return answers;
}

function refusalOf(work: () => void): DatabaseError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError) {
      return error;
    }
    throw error;
  }
}
