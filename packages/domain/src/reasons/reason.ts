import { formatLsn, lsn, parseLsn } from '../vocabulary/lsn.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { type AnyReasonEntry, type FactKinds, type Facts, measureKinds, NEXT } from './reason-entry.ts';
import { type ReasonCode, reasonTable } from './reason-table.ts';

type FactsOf<Code extends ReasonCode> = Facts<(typeof reasonTable)[Code]['facts']>;
/** Nothing where a reason has no facts. */
type FactArguments<Code extends ReasonCode> = keyof FactsOf<Code> extends never ? [] : [facts: FactsOf<Code>];

/** A reason of the table. */
export function reason<Code extends ReasonCode>(code: Code, ...[facts]: FactArguments<Code>): Reason {
  const given: Readonly<Record<string, unknown>> = { ...facts };
  const kinds: FactKinds = reasonTable[code].facts;
  return {
    code,
    facts: Object.fromEntries(
      Object.entries(kinds).flatMap(([name, kind]) =>
        given[name] === undefined ? [] : [[name, factText(kind, given[name])]],
      ),
    ),
  };
}

function factText(kind: string, value: unknown): string {
  if (Array.isArray(value)) {
    return value.join(', ');
  }
  if (typeof value === 'bigint') {
    return kind.startsWith('lsn') ? formatLsn(lsn(value)) : String(value);
  }
  return kind.startsWith('time') ? new Date(Number(value)).toISOString() : String(value);
}

/** The reasons as one sentence; empty when there are none. */
export function reasonText(reasons: readonly Reason[]): string {
  return reasons
    .map(
      (each, index) =>
        sentenceOf(each) + (index === reasons.length - 1 ? '' : (entryOf(each)?.joint ?? NEXT)),
    )
    .join('');
}

/** What is not of the table, or lacks what its sentence says, is shown as it is. */
function sentenceOf({ code, facts }: Reason): string {
  const known = entryOf({ code, facts });
  const lacks = Object.entries(known?.facts ?? {}).some(
    ([name, kind]) => !kind.endsWith('?') && facts[name] === undefined,
  );
  if (known !== undefined && !lacks) {
    return known.text(facts);
  }
  const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`);
  return told.length === 0 ? code : `${code} (${told.join(', ')})`;
}

function entryOf({ code }: Reason): AnyReasonEntry | undefined {
  return isReasonCode(code) ? reasonTable[code] : undefined;
}

function isReasonCode(code: string): code is ReasonCode {
  return Object.hasOwn(reasonTable, code);
}

/** True when both say the same, whatever was measured. */
export function sameReason(a: Reason | undefined, b: Reason | undefined): boolean {
  if (a === b || a === undefined || b === undefined) {
    return a === b;
  }
  return (
    a.code === b.code &&
    factNames(a, b).every((name) => isMeasure(a.code, name) || a.facts[name] === b.facts[name])
  );
}

export function sameReasons(a: readonly Reason[], b: readonly Reason[]): boolean {
  return a === b || (a.length === b.length && a.every((each, index) => sameReason(each, b[index])));
}

/** True when both say the same to the last digit. */
export function equalReasons(a: readonly Reason[], b: readonly Reason[]): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((each, index) => {
        const other = b[index];
        return (
          other !== undefined &&
          each.code === other.code &&
          factNames(each, other).every((name) => each.facts[name] === other.facts[name])
        );
      }))
  );
}

function factNames(a: Reason, b: Reason): readonly string[] {
  return [...new Set([...Object.keys(a.facts), ...Object.keys(b.facts)])];
}

function isMeasure(code: string, name: string): boolean {
  const kind = kindOf(code, name);
  return measureKinds.some((measure) => kind === measure);
}

function kindOf(code: string, name: string): string | undefined {
  const kinds: Readonly<Partial<Record<string, string>>> = isReasonCode(code) ? reasonTable[code].facts : {};
  return kinds[name]?.replace('?', '');
}

/** Lists that say the same as one, with the span of what was measured. `lists` has at least one. */
export function spanOf(lists: readonly (readonly Reason[])[]): readonly Reason[] {
  const [first = []] = lists;
  return first.map((each, index) => {
    const all = lists.flatMap((list) => list[index] ?? []);
    const facts = Object.keys(each.facts).map((name): [string, string | undefined] => [
      name,
      spanText(
        kindOf(each.code, name),
        all.flatMap((other) => other.facts[name] ?? []),
      ),
    ]);
    return { code: each.code, facts: Object.fromEntries(facts) };
  });
}

function spanText(kind: string | undefined, texts: readonly string[]): string | undefined {
  const sorted = [...new Set(texts)].toSorted((a, b) => compareMeasures(kind, a, b));
  const [least, most] = [sorted[0], sorted.at(-1)];
  return least === most || kind === 'said' ? texts[0] : `${least} to ${most}`;
}

function compareMeasures(kind: string | undefined, a: string, b: string): number {
  if (kind === 'lsn') {
    return Number(parseLsn(a) - parseLsn(b));
  }
  return kind === 'time' || kind === 'said' ? (a < b ? -1 : 1) : Number(a) - Number(b);
}
