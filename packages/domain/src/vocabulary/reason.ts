/**
 * Why a slot is in the state that it is in, or a node does nothing: a code, and what is so in numbers and names. The sentence is made where it is
 * shown. A code that is not known was written by a newer version.
 */
export interface Reason {
  readonly code: string;
  /** By name, as text: positions as PostgreSQL writes them, numbers in decimal, times in ISO 8601. */
  readonly facts: Readonly<Partial<Record<string, string>>>;
}
