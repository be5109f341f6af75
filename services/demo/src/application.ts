import { errorText, pause, systemClock } from '@slotcast/kernel';
import { classifyPostgresError } from '@slotcast/postgres';
import { DemoFailure } from './demo-failure.ts';

const RECONNECT_MS = 50;

export interface ApplicationOptions {
  readonly name: string;
  readonly url: string;
  /** Connects and works; resolves soon after the signal is aborted. */
  readonly session: (url: string, signal: AbortSignal) => Promise<void>;
}

/**
 * A client that always works on one server: when the connection is lost, as while its server dies, starts or is busy, it connects
 * again and again, until it is told to go elsewhere or to stop. Any other error makes it give up.
 */
export class Application {
  readonly #options: ApplicationOptions;
  readonly #working: Promise<void>;
  readonly #stop = new AbortController();
  #session = new AbortController();
  #url: string;
  #failure: unknown;
  #lastError: unknown;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    this.#url = options.url;
    this.#working = this.#work();
  }

  /** What its last lost or refused connection said. */
  get lastError(): string | undefined {
    return this.#lastError === undefined ? undefined : errorText(this.#lastError);
  }

  /** Ends its session, if there is one, and goes on with another server. */
  moveTo(url: string): void {
    this.#url = url;
    this.#lastError = undefined;
    this.#session.abort();
  }

  /** Throws a DemoFailure when it has given up. */
  expectWorking(): void {
    if (this.#failure !== undefined) {
      const { name } = this.#options;
      throw new DemoFailure(`${name} gave up: ${errorText(this.#failure)}`, { cause: this.#failure });
    }
  }

  /** Ends its session and waits until it has stopped. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session.abort();
    await this.#working;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#failure === undefined) {
      this.#session = new AbortController();
      try {
        await this.#options.session(this.#url, this.#session.signal);
      } catch (error) {
        await this.#take(error, this.#session.signal);
      }
    }
  }

  async #take(error: unknown, session: AbortSignal): Promise<void> {
    if (session.aborted) {
      return;
    }
    if (classifyPostgresError(error).class !== 'retry') {
      this.#failure = error;
      return;
    }
    this.#lastError = error;
    await pause(systemClock, RECONNECT_MS, session);
  }
}
