import type { Violation } from '../types.ts';
import { type CopyHolder, isGoodCopy } from './good-copy.ts';
import type { Incarnation } from './incarnation.ts';

/** Whose slot a copy is kept for. */
export interface Owed {
  readonly incarnation: Incarnation;
  /** The position that the subscriber will ask for; absent, when it goes by the slot's. */
  readonly asksFor: number | undefined;
}

interface Drop {
  readonly server: CopyHolder;
  /** The service that does it. */
  readonly by: string;
  readonly owed: Owed;
}

/**
 * I4: slotcast never drops the last good copy of a slot. A copy that stands under another name afterwards, because it was renamed or is to be made anew
 * from a leading slot, is still there.
 */
export class DropWatch {
  #drops: Drop[] = [];
  /** Copies that a person has put where they stand: that they are good is luck, which nobody can know of. */
  readonly #byHand = new Set<string>();
  /** Names under which a copy of a slot may be kept on the server that had it. */
  readonly #otherNames: (server: CopyHolder, slot: string) => readonly string[];

  constructor(otherNames: (server: CopyHolder, slot: string) => readonly string[]) {
    this.#otherNames = otherNames;
  }

  /** A person has made or moved a slot of a standby. */
  touched({ node }: Pick<CopyHolder, 'node'>, slot: string): void {
    this.#byHand.add(`${node}/${slot}`);
  }

  /** A service is about to drop a slot that is still there. */
  before(server: CopyHolder, by: string, owed: Owed): void {
    const isByHand = this.#byHand.delete(`${server.node}/${owed.incarnation.slot}`);
    if (!isByHand && isGoodCopy(server, owed.incarnation, owed)) {
      this.#drops.push({ server, by, owed });
    }
  }

  /**
   * Judges what was dropped since the last time, by those servers whose WAL is on the line that is in use, and by the one that had it: what is kept there under another name is as good as what was dropped, on
   * whatever line.
   */
  judge(servers: readonly CopyHolder[], now: number): Violation[] {
    const drops = this.#drops;
    this.#drops = [];
    return drops
      .filter(({ server, owed }) => ![server, ...servers].some((each) => this.#hasGoodCopy(each, owed)))
      .map(({ server, by, owed: { incarnation } }) => {
        const { slot } = incarnation;
        const text = `${by} dropped the slot ${slot} on ${server.node}, the last copy that would have given its subscriber all that it lacks`;
        return { invariant: 'I4', at: now, slot, text };
      });
  }

  #hasGoodCopy(server: CopyHolder, { incarnation, asksFor }: Owed): boolean {
    const names = [incarnation.slot, ...this.#otherNames(server, incarnation.slot)];
    return names.some((name) => isGoodCopy(server, incarnation, { name, asksFor }));
  }
}
