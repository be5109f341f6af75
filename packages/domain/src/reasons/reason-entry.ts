import type { Lsn } from '../vocabulary/lsn.ts';

/** What a fact is. Names tell one reason from another; measures (the rest) go on while the reason stays the same, and so does what a server said. */
export const measureKinds = ['lsn', 'bytes', 'seconds', 'count', 'xid', 'time', 'said'] as const;
type MeasureKind = (typeof measureKinds)[number];
/** `names`: several, with commas between. */
type FactKind = MeasureKind | 'name' | 'names';

/** The facts of a reason; one with `?` may be absent. */
export type FactKinds = Readonly<Record<string, FactKind | `${FactKind}?`>>;

type BaseKind<Kind> = Kind extends `${infer Base extends FactKind}?` ? Base : Kind;
type FactValue<Kind> = Kind extends 'lsn'
  ? Lsn
  : Kind extends 'names'
    ? readonly string[]
    : Kind extends 'name' | 'said'
      ? string
      : Kind extends 'bytes'
        ? bigint
        : number;
type RequiredNames<Kinds> = {
  [Name in keyof Kinds]: Kinds[Name] extends `${string}?` ? never : Name;
}[keyof Kinds];

/** What a reason is made of, typed. */
export type Facts<Kinds extends FactKinds> = {
  readonly [Name in RequiredNames<Kinds>]: FactValue<Kinds[Name]>;
} & {
  readonly [Name in Exclude<keyof Kinds, RequiredNames<Kinds>>]?:
    | FactValue<BaseKind<Kinds[Name]>>
    | undefined;
};

/** The same as text. */
export type FactTexts<Kinds extends FactKinds> = {
  readonly [Name in keyof Kinds]: Name extends RequiredNames<Kinds> ? string : string | undefined;
};

/** One row of the table of reasons. */
export interface ReasonEntry<Kinds extends FactKinds = FactKinds> {
  readonly facts: Kinds;
  text(facts: FactTexts<Kinds>): string;
  /** Stands before the next reason of a list: this one is what the next ones are about. */
  readonly joint: string;
}

/** A row of which it is checked at run time that the facts are there. */
export interface AnyReasonEntry {
  readonly facts: FactKinds;
  text(facts: Readonly<Partial<Record<string, string | undefined>>>): string;
  readonly joint: string;
}

export const NEXT = '; ';

export function entry<const Kinds extends FactKinds>(
  facts: Kinds,
  text: (facts: FactTexts<Kinds>) => string,
  joint = NEXT,
): ReasonEntry<Kinds> {
  return { facts, text, joint };
}

const noFacts = {} as const satisfies FactKinds;

/** A reason that has no facts. */
export function fixed(text: string, joint = NEXT): ReasonEntry<typeof noFacts> {
  return { facts: noFacts, text: () => text, joint };
}
