import type { Pending } from '../types.ts';
import type { ServerCore, ServerSession } from './core.ts';
import type { Receiver } from './receiver.ts';
import type { StatementName } from './statement-name.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The rows of a statement, at once or later. */
export type Answer = readonly Row[] | Pending<readonly Row[]>;

/** A statement that has reached its server. */
export interface ServerStatement {
  readonly core: ServerCore;
  readonly receiver: Receiver;
  readonly session: ServerSession;
  readonly text: string;
  readonly values: readonly unknown[];
  /** Sets what a cancellation, or the end of the session, does to one that answers later. */
  onCancel(work: (error: Error) => void): void;
}

/** Throws what the server refuses it with. */
type StatementHandler = (statement: ServerStatement) => Answer;

export type StatementHandlers = Partial<Readonly<Record<StatementName, StatementHandler>>>;

/** A parameter that is an array of texts. */
export function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
