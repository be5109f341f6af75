import type { Link, Pending, SimProcess, World } from '../types.ts';

/** What the log needs of the world. */
export type LogWorld = Pick<World, 'after' | 'call' | 'chance' | 'pending'>;

/** Of one process, and its way to the brokers. */
export interface LogPlace {
  readonly world: LogWorld;
  readonly process: SimProcess;
  readonly link: Link;
}

/** What a call ends with that the brokers refused; nobody sees it. */
const REFUSAL = new Error('the brokers refuse');
/** How long a client that is refused waits before it tries again. */
const AGAIN_MS = 300;

export type CallBroker = <T>(kind: string, effect: () => T) => Promise<T>;

/**
 * Does work that consists of calls to the brokers, for as long as slotcast's client would try. A call that has not arrived when the client gives
 * up never does: its connection is cut. One that is repeated has its effect once, as the brokers know a repetition.
 */
export function within<T>(
  place: LogPlace,
  limit: { readonly ms: number; readonly late: () => Error },
  work: (call: CallBroker) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const attempt = new Attempt(place);
    const timer = place.world.after(
      limit.ms,
      () => {
        attempt.over = true;
        reject(limit.late());
      },
      place.process,
    );
    const end = (tell: () => void): void => {
      attempt.over = true;
      timer.cancel();
      tell();
    };
    work((kind, effect) => attempt.call(kind, effect)).then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

class Attempt {
  over = false;
  readonly #place: LogPlace;

  constructor(place: LogPlace) {
    this.#place = place;
  }

  call<T>(kind: string, effect: () => T): Promise<T> {
    const { world, process, link } = this.#place;
    let done: { readonly value: T } | undefined;
    const once = (): { readonly value: T } | Pending<{ readonly value: T }> => {
      if (this.over) {
        return world.pending();
      }
      done ??= { value: effect() };
      return done;
    };
    return new Promise<T>((resolve, reject) => {
      const send = (): void => {
        if (this.over) {
          return;
        }
        world.call(process, `kafka.${kind}`, once, { link, refused: () => REFUSAL }).then(
          ({ value }) => resolve(value),
          (error: unknown) => {
            if (error === REFUSAL) {
              world.after(AGAIN_MS, send, process);
            } else {
              reject(error);
            }
          },
        );
      };
      send();
    });
  }
}
