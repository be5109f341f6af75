import { DatabaseError } from 'pg';
import type { Pending, SimProcess } from '../types.ts';
import type { ServerCore, ServerSession } from './core.ts';
import type { Receiver } from './receiver.ts';
import { statementCancelled } from './sqlstate.ts';
import type { Answer, Row, StatementHandlers } from './statement.ts';
import { statementName } from './statement-name.ts';
import { lockStatements } from './statements-locks.ts';
import { readStatements } from './statements-read.ts';
import { slotStatements } from './statements-slots.ts';
import { walStatements } from './statements-wal.ts';

const handlers: StatementHandlers = {
  ...readStatements,
  ...walStatements,
  ...slotStatements,
  ...lockStatements,
};

interface BackendOptions {
  readonly process: SimProcess | undefined;
  readonly databaseOid: number;
  readonly user: string;
  readonly applicationName: string;
  readonly isWalsender: boolean;
  /** Called when the server ends the session. */
  readonly onEnd: (error: Error) => void;
}

/** The server's side of a session. */
export class Backend implements ServerSession {
  readonly pid: number;
  readonly databaseOid: number;
  readonly user: string;
  readonly applicationName: string;
  readonly isWalsender: boolean;
  readonly process: SimProcess | undefined;
  readonly #core: ServerCore;
  readonly #receiver: Receiver;
  readonly #onEnd: (error: Error) => void;
  /** What interrupts the statement that is under way, where it is one that answers later. */
  #interrupt: ((error: Error) => void) | undefined;
  #answer: Pending<readonly Row[]> | undefined;
  #end: Error | undefined;

  constructor(core: ServerCore, receiver: Receiver, options: BackendOptions) {
    this.pid = core.nextPid();
    this.databaseOid = options.databaseOid;
    this.user = options.user;
    this.applicationName = options.applicationName;
    this.isWalsender = options.isWalsender;
    this.process = options.process;
    this.#core = core;
    this.#receiver = receiver;
    this.#onEnd = options.onEnd;
    core.sessions.add(this);
  }

  /** Why it ended; `undefined` as long as it lives. */
  get end(): Error | undefined {
    return this.#end;
  }

  /** Throws what the server says, or what ended the session. */
  run(statement: {
    readonly name?: string;
    readonly text: string;
    readonly values?: readonly unknown[];
  }): Answer {
    return this.act(() => {
      const op = statementName(statement);
      const handler = handlers[op];
      if (handler === undefined) {
        throw new Error(`the twin of PostgreSQL has no answer to ${op}`);
      }
      const answer = handler({
        core: this.#core,
        receiver: this.#receiver,
        session: this,
        text: statement.text,
        values: statement.values ?? [],
        onCancel: (work) => {
          this.#interrupt = work;
        },
      });
      this.#answer = 'settle' in answer ? answer : undefined;
      return answer;
    });
  }

  /** Any error costs a session its temporary slots. */
  act<T extends readonly unknown[] | Pending<readonly Row[]>>(work: () => T): T {
    if (this.#end !== undefined) {
      throw this.#end;
    }
    this.#interrupt = undefined;
    this.#answer = undefined;
    try {
      return work();
    } catch (error) {
      if (error instanceof DatabaseError) {
        this.#dropTemporarySlots();
      }
      throw error;
    }
  }

  /** Interrupts the statement that is under way; one that has ended, or has not arrived yet, does not hear of it. */
  cancel(): void {
    const interrupt = this.#interrupt;
    this.#interrupt = undefined;
    if (interrupt !== undefined && this.#answer?.ended === false && this.#end === undefined) {
      interrupt(statementCancelled());
      this.#dropTemporarySlots();
    }
  }

  terminate(error: Error): void {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = error;
    this.#core.sessions.delete(this);
    this.#interrupt?.(error);
    this.#interrupt = undefined;
    this.#dropTemporarySlots();
    this.#onEnd(error);
  }

  #dropTemporarySlots(): void {
    for (const slot of this.#core.slots.all) {
      if (slot.temporary && slot.activePid === this.pid) {
        this.#core.slots.remove(slot);
      }
    }
  }
}
