import { join } from 'node:path';
import { freePort, ManagedProcess, temporaryFolder, waitUntil } from '@slotcast/testkit';
import { PROGRAM } from './program.ts';

export type ServiceName = 'node' | 'publisher' | 'consumer';

/** What a service needs of this process's environment, and what the runner of the tests measures and finds it by. */
export const inherited = {
  ...Object.fromEntries(
    ['PATH', 'NODE_V8_COVERAGE', 'SLOTCAST_TEST_RUN'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  ),
  // A use of something deprecated, in libraries too, ends the process instead of warning its user.
  NODE_OPTIONS: '--throw-deprecation',
};

const ANSWER_TIMEOUT_MS = 20_000;

/** One slotcast service as a process: the same binary that a user deploys. */
export class ServiceProcess {
  readonly process: ManagedProcess;
  readonly #httpPort: number;

  private constructor(process: ManagedProcess, httpPort: number) {
    this.process = process;
    this.#httpPort = httpPort;
  }

  static async start(
    service: ServiceName,
    environment: Readonly<Record<string, string>>,
  ): Promise<ServiceProcess> {
    const folder = await temporaryFolder(service);
    const httpPort = await freePort();
    const process = await ManagedProcess.start({
      command: globalThis.process.execPath,
      arguments: [PROGRAM, service],
      folder,
      logFile: join(folder, 'log'),
      environment: {
        ...inherited,
        SLOTCAST_HTTP_LISTEN: `127.0.0.1:${httpPort}`,
        ...environment,
      },
    });
    return new ServiceProcess(process, httpPort);
  }

  /** Where its HTTP endpoint listens. */
  get listen(): string {
    return `127.0.0.1:${this.#httpPort}`;
  }

  /** Status and body of `/livez`, `/readyz` or `/metrics`; `undefined` while nothing listens, or what does is frozen. */
  async get(path: string): Promise<{ readonly status: number; readonly body: string } | undefined> {
    const patience = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    try {
      const response = await fetch(`http://127.0.0.1:${this.#httpPort}${path}`, { signal: patience });
      return { status: response.status, body: await response.text() };
    } catch (error) {
      if (error instanceof TypeError || patience.aborted) {
        return undefined;
      }
      throw error;
    }
  }

  /** Waits until `/readyz` says yes. Throws when the process ends before. */
  async ready(timeoutMs = 60_000): Promise<this> {
    let last = 'nothing listens';
    await this.#waitFor(
      async () => {
        const answer = await this.get('/readyz');
        last = answer?.body ?? last;
        return answer?.status === 200;
      },
      { timeoutMs, describe: () => `readiness of a service (${last})` },
    );
    return this;
  }

  /** Waits until a log line contains this text, which names a point in the service's work. */
  async logged(text: string, timeoutMs = 60_000): Promise<void> {
    await this.#waitFor(async () => (await this.process.log()).includes(text), {
      timeoutMs,
      describe: () => `the log line ${JSON.stringify(text)}`,
      intervalMs: 2,
    });
  }

  /** Waits until the process ends by itself, and returns its exit code. */
  async exit(timeoutMs = 60_000): Promise<number | undefined> {
    await this.process.waitForExit(timeoutMs);
    return this.process.exitCode;
  }

  async stop(): Promise<number | undefined> {
    await this.process.stop();
    return this.process.exitCode;
  }

  async kill(): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }

  async #waitFor(
    condition: () => Promise<boolean>,
    options: { timeoutMs: number; describe: () => string; intervalMs?: number },
  ): Promise<void> {
    try {
      await waitUntil(async () => {
        if (!this.process.isRunning) {
          throw new Error(`the service ended with exit code ${this.process.exitCode}`);
        }
        return condition();
      }, options);
    } catch (error) {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n${await this.process.log()}`,
        { cause: error },
      );
    }
  }
}
