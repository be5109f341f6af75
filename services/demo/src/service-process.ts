import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, ManagedProcess, temporaryFolder } from '@slotcast/testkit';
import { DemoFailure } from './demo-failure.ts';

/** The binary that a user deploys. */
const SLOTCAST = fileURLToPath(new URL('../../cli/bin/slotcast.js', import.meta.url));
const COMMAND_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const LOG_TAIL_LINES = 6;

/** What every slotcast process of the demo needs to know. */
export interface SlotcastSettings {
  readonly cluster: string;
  readonly kafkaBootstrapServers: string;
}

export interface ServiceOptions extends SlotcastSettings {
  readonly kind: 'publisher' | 'consumer';
  readonly node: string;
  readonly postgresUrl: string;
}

/** `slotcast publisher` or `slotcast consumer` of one node, as a child process. */
export class ServiceProcess {
  readonly name: string;
  readonly #process: ManagedProcess;
  readonly #address: string;

  private constructor(name: string, process: ManagedProcess, address: string) {
    this.name = name;
    this.#process = process;
    this.#address = address;
  }

  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    const folder = await temporaryFolder(`${options.kind}-${options.node}`);
    const address = `127.0.0.1:${await freePort()}`;
    const process = await ManagedProcess.start({
      command: globalThis.process.execPath,
      arguments: [SLOTCAST, options.kind],
      folder,
      logFile: join(folder, 'service.log'),
      environment: slotcastEnvironment(options, {
        SLOTCAST_NODE: options.node,
        SLOTCAST_POSTGRES_URL: options.postgresUrl,
        SLOTCAST_HTTP_LISTEN: address,
      }),
    });
    return new ServiceProcess(`${options.kind} of ${options.node}`, process, address);
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  /** The body of `/metrics` or `/readyz`; `undefined` while nothing listens. */
  async page(path: '/metrics' | '/readyz'): Promise<string | undefined> {
    try {
      const response = await fetch(`http://${this.#address}${path}`);
      return await response.text();
    } catch (error) {
      // fetch rejects with a TypeError when there is no connection, as while the process starts.
      if (error instanceof TypeError) {
        return undefined;
      }
      throw error;
    }
  }

  /** Throws a DemoFailure with the end of its log when it has ended. */
  async expectRunning(): Promise<void> {
    if (!this.isRunning) {
      const how = this.#process.exitCode ?? this.#process.signalCode;
      throw new DemoFailure(`slotcast ${this.name} ended by itself (${how})`, {
        evidence: [await this.logTail()],
      });
    }
  }

  /** Ends it with SIGTERM. Throws a DemoFailure when that was not a clean stop with exit code 0. */
  async stop(): Promise<void> {
    await this.#process.stop('SIGTERM', STOP_TIMEOUT_MS);
    if (this.#process.exitCode !== 0) {
      throw new DemoFailure(
        `slotcast ${this.name} did not end cleanly after SIGTERM (exit code ${this.#process.exitCode})`,
        { evidence: [await this.logTail()] },
      );
    }
  }

  /** Ends it with SIGKILL, as when its machine dies. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL');
    await this.#process.waitForExit();
  }

  /** The last lines of its log, under its name. */
  async logTail(): Promise<string> {
    return tail(`log of ${this.name}`, await this.#process.log());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Runs `slotcast` with these arguments to its end and returns what it printed. Throws a DemoFailure when it fails. */
export async function runSlotcast(args: readonly string[], settings: SlotcastSettings): Promise<string> {
  const folder = await temporaryFolder('slotcast');
  await using process = await ManagedProcess.start({
    command: globalThis.process.execPath,
    arguments: [SLOTCAST, ...args],
    folder,
    logFile: join(folder, 'output.log'),
    environment: slotcastEnvironment(settings, {}),
  });
  await process.waitForExit(COMMAND_TIMEOUT_MS);
  const output = await process.log();
  if (process.exitCode !== 0) {
    throw new DemoFailure(`slotcast ${args.join(' ')} failed (${process.exitCode ?? process.signalCode})`, {
      evidence: [tail('its output', output)],
    });
  }
  return output;
}

/** This process's environment without settings of some other slotcast or PostgreSQL, and with those given. */
function slotcastEnvironment(
  settings: SlotcastSettings,
  others: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLOTCAST_|KAFKA_|PG)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    SLOTCAST_CLUSTER: settings.cluster,
    KAFKA_BOOTSTRAP_SERVERS: settings.kafkaBootstrapServers,
    ...others,
  };
}

function tail(title: string, log: string): string {
  const lines = log.trimEnd().split('\n');
  const omitted = Math.max(lines.length - LOG_TAIL_LINES, 0);
  return [`${title}${omitted > 0 ? ` (last of ${lines.length} lines)` : ''}:`, ...lines.slice(omitted)].join(
    '\n',
  );
}
