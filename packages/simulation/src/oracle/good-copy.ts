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
  const sent = server.wouldDeliver(name ?? incarnation.slot, asksFor);
  if (sent === undefined) {
    return false;
  }
  return lacks(server, incarnation, sent).length === 0;
}

/** The same, where what the subscriber was passed over before, by whichever server, counts no more. */
export function isReadyCopy(
  server: CopyHolder,
  incarnation: Incarnation,
  { asksFor }: { readonly asksFor: number | undefined },
): boolean {
  const sent = server.wouldDeliver(incarnation.slot, asksFor);
  return (
    sent !== undefined &&
    lacks(server, incarnation, sent).every((transaction) => incarnation.isLost(transaction))
  );
}

function lacks(
  server: CopyHolder,
  incarnation: Incarnation,
  sent: readonly Committed[],
): readonly Committed[] {
  const given = new Set(sent.flatMap(({ rows }) => rows));
  return incarnation
    .missing(server.line, server.receiveLsn)
    .filter(({ rows }) => !rows.every((row) => given.has(row)));
}
