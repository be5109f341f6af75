import {
  type PostgresConnection,
  PostgresConnectionError,
  type PostgresOptions,
  StatementTimeoutError,
} from '@slotcast/postgres';
import { DatabaseError, type QueryResultRow } from 'pg';
import type { Link, Pending, SimProcess, World } from '../types.ts';
import type { Backend } from './backend.ts';
import type { ServerCore } from './core.ts';
import { moveBatch } from './move-batch.ts';
import { statementName } from './statement-name.ts';
import { SERVER_VERSION } from './statements-read.ts';

type Statement = Parameters<PostgresConnection['run']>[0];
type Limits = NonNullable<Parameters<PostgresConnection['run']>[1]>;
type Batch = Parameters<PostgresConnection['runBatch']>[0];
type BatchAnswers = Awaited<ReturnType<PostgresConnection['runBatch']>>;

/** How long the server may take to obey a cancel request, or to say goodbye, before the connection is cut. */
const GRACE_MS = 5000;
/** The longest that a server takes to notice that a client has gone. */
const NOTICE_MS = 1500;

/** A call under way, as far as something else can end it. */
interface UnderWay {
  readonly fail: (error: unknown) => void;
}

export interface ConnectionParts {
  readonly world: World;
  readonly core: ServerCore;
  readonly process: SimProcess;
  readonly link: Link;
  readonly database: string;
  readonly user: string;
}

/** The client's side of a session with a simulated server: it keeps the promises of `PostgresConnection`, with those of cancellation. */
export class TwinConnection implements PostgresConnection {
  readonly serverVersion = SERVER_VERSION;
  readonly major = Math.floor(SERVER_VERSION / 10_000);
  readonly user: string;
  readonly database: string;
  readonly closed: Promise<Error | undefined>;
  readonly #parts: ConnectionParts;
  #backend: Backend | undefined;
  #underWay: UnderWay | undefined;
  #failure: Error | undefined;
  #ended = false;
  #closing = false;
  #turn: Promise<void> = Promise.resolve();
  #resolveClosed: (error: Error | undefined) => void = () => undefined;
  #unwatch: () => void = () => undefined;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.user = parts.user;
    this.database = parts.database;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get processId(): number {
    return this.#backend?.pid ?? 0;
  }

  get broken(): boolean {
    return this.#failure !== undefined || this.#ended || this.#closing;
  }

  /** The server has let it in. */
  open(backend: Backend): void {
    const { link, process, world } = this.#parts;
    this.#backend = backend;
    process.onDeath(() => this.#leave());
    this.#unwatch = link.onChange((state) => {
      if (state === 'refusing') {
        world.after(0, () => this.#lose(resetError()), process);
        this.#leave();
      } else if (state === 'up' && backend.end !== undefined) {
        world.after(0, () => this.#lose(backend.end ?? resetError()), process);
      }
    });
  }

  /** The server has ended the session. */
  onServerEnd(error: Error): void {
    const { link, process, world } = this.#parts;
    if (link.state === 'up') {
      world.after(world.chance(process.name, 'end', this.processId), () => this.#lose(error), process);
    }
  }

  run<Row extends QueryResultRow>(statement: Statement, limits: Limits = {}): Promise<readonly Row[]> {
    const kind = statementName(statement);
    const work = (): Promise<readonly Row[]> =>
      // oxlint-disable-next-line no-unsafe-type-assertion -- a row is what its reader declares, here as with the driver
      this.#within(kind, statement.text, limits, (backend) => backend.run(statement)) as Promise<
        readonly Row[]
      >;
    return this.#inTurn(work);
  }

  runBatch(batch: Batch, limits: Limits = {}): Promise<BatchAnswers> {
    const { core } = this.#parts;
    return this.#inTurn(() =>
      this.#within('move_slots', `${batch.commands} replication commands`, limits, (backend) =>
        backend.act(() => moveBatch(core, backend, batch)),
      ),
    );
  }

  async close(): Promise<void> {
    if (this.#ended) {
      return;
    }
    this.#closing = true;
    const { link, process, world } = this.#parts;
    const timer = setTimeout(() => this.#cut(), GRACE_MS);
    const effect = (): undefined => this.#leaveNow();
    const called = world.call(process, 'close', effect, { link, refused: resetError });
    await Promise.race([called.catch(() => undefined), this.closed]);
    clearTimeout(timer);
    this.#end(undefined);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async #within<T>(
    kind: string,
    what: string,
    { signal, timeoutMs }: Limits,
    effect: (backend: Backend) => T | Pending<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    let reason: { readonly is: unknown; readonly cancelled: Promise<unknown> } | undefined;
    let cutOff: NodeJS.Timeout | undefined;
    const interrupt = (is: unknown): void => {
      if (reason === undefined) {
        cutOff = setTimeout(() => this.#cut(), GRACE_MS);
        reason = { is, cancelled: this.#sendCancel() };
        reason.cancelled.catch(() => this.#cut());
      }
    };
    const onAbort = (): void => interrupt(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => interrupt(new StatementTimeoutError(what, timeoutMs)), timeoutMs);
    try {
      return await this.#call(kind, effect);
    } catch (error) {
      const isOwn = error instanceof DatabaseError && error.code !== '57014';
      throw reason === undefined || isOwn ? this.#explain(error) : reason.is;
    } finally {
      clearTimeout(timer);
      clearTimeout(cutOff);
      signal?.removeEventListener('abort', onAbort);
      await reason?.cancelled.catch(() => undefined);
    }
  }

  /** Rejects when the request does not get through in time. */
  async #sendCancel(): Promise<void> {
    const { link, process, world } = this.#parts;
    const cancel = (): undefined => {
      this.#backend?.cancel();
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the cancel request was not taken')), GRACE_MS);
    });
    try {
      await Promise.race([world.call(process, 'cancel', cancel, { link, refused: resetError }), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #call<T>(kind: string, effect: (backend: Backend) => T | Pending<T>): Promise<T> {
    const { link, process, world } = this.#parts;
    return new Promise<T>((resolve, reject) => {
      const backend = this.#backend;
      if (this.broken || backend === undefined) {
        reject(this.#failure ?? new Error('Client was closed and is not queryable'));
        return;
      }
      const underWay: UnderWay = { fail: reject };
      this.#underWay = underWay;
      const refused = (): Error => {
        this.#lose(resetError());
        return this.#failure ?? resetError();
      };
      world
        .call(process, kind, () => effect(backend), { link, refused })
        .then(resolve, reject)
        .finally(() => {
          if (this.#underWay === underWay) {
            this.#underWay = undefined;
          }
        });
    });
  }

  #explain(error: unknown): unknown {
    if (error instanceof DatabaseError || !this.broken) {
      return error;
    }
    const attempted = `lost the connection to PostgreSQL at ${this.#parts.core.node}, database ${this.database}`;
    return new PostgresConnectionError(attempted, this.#failure ?? error);
  }

  /** Drops the connection without a goodbye. */
  #cut(): void {
    this.#leave();
    this.#lose(new Error('Connection terminated unexpectedly'));
  }

  #lose(error: Error): void {
    this.#failure ??= error;
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#unwatch();
    this.#resolveClosed(this.#closing ? undefined : this.#failure);
    this.#underWay?.fail(error ?? new Error('Connection terminated'));
  }

  #leaveNow(): undefined {
    this.#backend?.terminate(new Error('the client has left'));
  }

  /** The server notices by and by that nobody is there. */
  #leave(): void {
    const { link, process, world } = this.#parts;
    const drawn = world.chance(process.name, 'noticed', this.processId);
    const notice = (): void => {
      this.#leaveNow();
    };
    if (link.state === 'silent') {
      const unwatch = link.onChange((state) => {
        if (state !== 'silent') {
          unwatch();
          notice();
        }
      });
    } else {
      world.after(drawn < 0.5 ? 0 : drawn * NOTICE_MS, notice);
    }
  }
}

export function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

export function refusedError(): Error {
  return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
}

/** What a session that cannot be had rejects with. */
export function notConnected(
  node: string,
  cause: unknown,
  options: PostgresOptions,
): PostgresConnectionError {
  return new PostgresConnectionError(`could not connect to PostgreSQL at ${node}`, cause, {
    connecting: true,
    configuredDatabase: options.database === undefined,
  });
}
