import type { KafkaServer, PostgresServer } from '@slotcast/testkit';
import { temporaryFolder } from '@slotcast/testkit';
import type { Scene } from '../support/scene.ts';
import type { ServiceName, ServiceProcess } from '../support/service-process.ts';
import type { RoundPlan } from './round-plan.ts';

const SERVER_LOG_CHARACTERS = 50_000;

/** slotcast's services beside one server. */
export class Host {
  readonly server: PostgresServer;
  readonly #scene: Scene;
  readonly #plan: RoundPlan;
  readonly #services = new Map<ServiceName, ServiceProcess>();
  readonly #all: ServiceProcess[] = [];
  #stateFolder: string | undefined;
  #isLost = false;

  constructor(scene: Scene, server: PostgresServer, plan: RoundPlan) {
    this.#scene = scene;
    this.server = server;
    this.#plan = plan;
  }

  /** Starts what is not running, and lets go on what is frozen. */
  async repair(): Promise<void> {
    this.#isLost = false;
    for (const name of this.#names()) {
      await this.#bring(name);
    }
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.ready(120_000)));
  }

  /** What does the work of this half, or of both: a service, or the process that has both. */
  #of(half: 'consumer' | 'publisher' | 'both'): readonly ServiceName[] {
    return half === 'both' || this.#plan.deployment === 'node' ? this.#names() : [half];
  }

  async disturb(half: 'consumer' | 'publisher' | 'both', how: 'kill' | 'freeze'): Promise<void> {
    for (const name of this.#of(half)) {
      const service = this.#services.get(name);
      if (how === 'kill') {
        await service?.kill();
      } else {
        service?.process.signal('SIGSTOP');
      }
    }
  }

  /** Brings back what was disturbed, unless the whole host was lost meanwhile. */
  async restore(half: 'consumer' | 'publisher' | 'both'): Promise<void> {
    for (const name of this.#isLost ? [] : this.#of(half)) {
      await this.#bring(name);
    }
  }

  /** Ends all of its services; nothing but `repair` brings one back. */
  async lose(): Promise<void> {
    this.#isLost = true;
    await Promise.all([...this.#services.values()].map((service) => service.kill()));
  }

  /** Where the consumer is asked by commands. */
  get listen(): string {
    const service = this.#services.get(this.#plan.deployment === 'node' ? 'node' : 'consumer');
    if (service === undefined) {
      throw new Error(`no consumer was ever started beside ${this.server.name}`);
    }
    return service.listen;
  }

  /** All that its services have logged, dead ones too, and the end of the server's log. */
  async logs(): Promise<string> {
    const logs = await Promise.all(this.#all.map((service) => service.process.log()));
    const { name } = this.server;
    const ofServer = (await this.server.log()).slice(-SERVER_LOG_CHARACTERS);
    return [`=== beside ${name}`, ...logs, `=== PostgreSQL of ${name}`, ofServer].join('\n');
  }

  async #bring(name: ServiceName): Promise<void> {
    const there = this.#services.get(name);
    if (there?.process.isRunning === true) {
      there.process.signal('SIGCONT');
      return;
    }
    const service = await this.#scene.service(name, this.server, await this.#settings());
    this.#services.set(name, service);
    this.#all.push(service);
  }

  async #settings(): Promise<Readonly<Record<string, string>>> {
    const policy = { SLOTCAST_ON_DIVERGENCE: this.#plan.policy };
    if (!this.#plan.keepsState) {
      return policy;
    }
    this.#stateFolder ??= await temporaryFolder(`state-${this.server.name}`);
    return { ...policy, SLOTCAST_STATE_FOLDER: this.#stateFolder };
  }

  #names(): readonly ServiceName[] {
    return this.#plan.deployment === 'node' ? ['node'] : ['publisher', 'consumer'];
  }
}

/** Brings a broker back that was killed or frozen. */
export async function restoreKafka(kafka: KafkaServer): Promise<void> {
  if (kafka.isRunning) {
    kafka.resume();
  } else {
    await kafka.start();
  }
}
