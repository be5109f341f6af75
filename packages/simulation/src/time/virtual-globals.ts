/**
 * Replaces what a process can read time, chance and ids from. While a world runs its events, they are the world's; else they are what they
 * were. What would bring the machine's time into a world throws.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { SimTimer } from '../types.ts';

/** The world whose events run. */
export interface GlobalsHost {
  /** Milliseconds since 1970, by the clock of the process whose event runs. */
  wallMs(): number;
  monotonicMs(): number;
  setTimeout(ms: number, work: () => void): SimTimer;
  random(): number;
  uuid(): string;
}

let host: GlobalsHost | undefined;

/** Runs `work` with the globals of a world. Not to be nested. */
export function withGlobals(world: GlobalsHost, work: () => void): void {
  if (host !== undefined) {
    throw new Error('a world runs within a world');
  }
  host = world;
  try {
    work();
  } finally {
    host = undefined;
  }
}

type Work = (...values: unknown[]) => void;
/** What was there before. */
type Real = (...values: unknown[]) => unknown;

interface WaitOptions {
  readonly signal?: AbortSignal;
}

const require = createRequire(import.meta.url);

/** A module of Node.js as an object whose functions can be replaced; ES modules see that after `syncBuiltinESMExports`. */
function builtin(name: string): object {
  const found: unknown = require(name);
  if (typeof found !== 'object' || found === null) {
    throw new TypeError(`there is no module ${name}`);
  }
  return found;
}

function replace(owner: object, name: string, make: (real: Real) => unknown): void {
  const real: unknown = Reflect.get(owner, name);
  if (typeof real !== 'function') {
    throw new TypeError(`there is no function ${name} to replace`);
  }
  const bound: Real = (...values) => Reflect.apply(real, owner, values);
  Reflect.set(owner, name, make(bound));
}

function trap(owner: object, name: string): void {
  replace(owner, name, (real) => (...values: unknown[]) => {
    if (host !== undefined) {
      throw new Error(`${name} would bring the time of the machine into a simulated world`);
    }
    return real(...values);
  });
}

/** What `node:timers/promises` has under the name of `setTimeout`. */
function waitVirtually(
  world: GlobalsHost,
  ms: number,
  value: unknown,
  options: WaitOptions,
): Promise<unknown> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortError(signal));
      return;
    }
    const timer = world.setTimeout(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    });
    const abort = (): void => {
      timer.cancel();
      reject(signal === undefined ? undefined : abortError(signal));
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** As Node.js does: its own error, with the reason of the signal as cause. */
function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

/**
 * What `AbortSignal.any` does, without what Node.js keeps for it outside of the world: signals that nobody aborts any more would stay for ever
 * with all that listens to them.
 */
function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted !== undefined) {
    controller.abort(aborted.reason);
    return controller.signal;
  }
  for (const signal of signals) {
    signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  }
  return controller.signal;
}

function install(): void {
  const timers = builtin('node:timers');
  for (const owner of [globalThis, timers]) {
    replace(
      owner,
      'setTimeout',
      (real) =>
        (work: Work, ms: number, ...values: unknown[]) =>
          host === undefined ? real(work, ms, ...values) : host.setTimeout(ms, () => work(...values)),
    );
    replace(owner, 'clearTimeout', (real) => (timer: unknown) => {
      if (
        typeof timer === 'object' &&
        timer !== null &&
        'cancel' in timer &&
        typeof timer.cancel === 'function'
      ) {
        timer.cancel();
      } else {
        real(timer);
      }
    });
    trap(owner, 'setInterval');
    trap(owner, 'setImmediate');
  }
  const waits = builtin('node:timers/promises');
  replace(
    waits,
    'setTimeout',
    (real) =>
      (ms: number, value: unknown, options: WaitOptions = {}) =>
        host === undefined ? real(ms, value, options) : waitVirtually(host, ms, value, options),
  );
  trap(waits, 'setInterval');
  trap(waits, 'setImmediate');
  trap(AbortSignal, 'timeout');
  replace(
    AbortSignal,
    'any',
    (real) => (signals: readonly AbortSignal[]) => (host === undefined ? real(signals) : anySignal(signals)),
  );
  replace(Date, 'now', (real) => () => (host === undefined ? real() : host.wallMs()));
  replace(performance, 'now', (real) => () => (host === undefined ? real() : host.monotonicMs()));
  replace(Math, 'random', (real) => () => (host === undefined ? real() : host.random()));
  replace(builtin('node:crypto'), 'randomUUID', (real) => () => (host === undefined ? real() : host.uuid()));
  syncBuiltinESMExports();
}

install();
