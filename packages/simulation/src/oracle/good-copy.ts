import type { Committed, WalLine } from '../types.ts';
import type { Incarnation } from './incarnation.ts';

/** What is asked of a server, or of a model of it. */
export interface CopyHolder {
  readonly node: string;
  readonly line: WalLine;
  /** End of the WAL that it has. */
  readonly receiveLsn: number;
  wouldDeliver(slot: string, from: number | undefined): readonly Committed[] | undefined;
}

/**
 * True when the server, promoted this moment, would give the subscriber from its slot `name` (absent: the one of the incarnation) all that it still
 * lacks of the server's line. `asksFor`: the position that the subscriber will ask for; absent, when it goes by the slot's.
 */
export function isGoodCopy(
  server: CopyHolder,
  incarnation: Incarnation,
  { name, asksFor }: { readonly name?: string; readonly asksFor: number | undefined },
): boolean {
  return lacks(server, incarnation, { name, asksFor })?.length === 0;
}

/** The same, where what the subscriber was passed over before, by whichever server, counts no more. */
export function isReadyCopy(
  server: CopyHolder,
  incarnation: Incarnation,
  { asksFor }: { readonly asksFor: number | undefined },
): boolean {
  const lacking = lacks(server, incarnation, { asksFor });
  return lacking?.every((transaction) => incarnation.isLost(transaction)) === true;
}

/** What the subscriber would not get of what it is owed; absent where the slot would send nothing. */
function lacks(
  server: CopyHolder,
  incarnation: Incarnation,
  { name, asksFor }: { readonly name?: string | undefined; readonly asksFor: number | undefined },
): readonly Committed[] | undefined {
  const sent = server.wouldDeliver(name ?? incarnation.slot, asksFor);
  if (sent === undefined) {
    return undefined;
  }
  const given = new Set(sent.flatMap(({ rows }) => rows));
  return incarnation
    .missing(server.line, server.receiveLsn)
    .filter(({ rows }) => !rows.every((row) => given.has(row)));
}
