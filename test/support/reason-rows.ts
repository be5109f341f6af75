import { reasonTable, reasonText } from '@slotcast/domain';

/** Every reason with `…` for each of its facts, as people read it. */
export function reasonSentences(): readonly string[] {
  return Object.entries(reasonTable).map(([code, entry]) => sentenceOf(code, entry, () => '…'));
}

/** The rows of a table of codes, facts and sentences, in which the facts have their names. */
export function reasonRows(): readonly string[] {
  return Object.entries(reasonTable).map(([code, entry]) => {
    const names = Object.keys(entry.facts).map((name) => `\`${name}\``);
    return `| \`${code}\` | ${names.join(', ')} | ${sentenceOf(code, entry, (name) => `‹${name}›`)} |`;
  });
}

/** With `…` behind a reason that is what the next one is about. */
function sentenceOf(
  code: string,
  { facts, joint }: { readonly facts: object; readonly joint: string },
  shown: (name: string) => string,
): string {
  const told = Object.fromEntries(Object.keys(facts).map((name) => [name, shown(name)]));
  return reasonText([{ code, facts: told }]) + (joint === '; ' ? '' : `${joint}…`);
}
