import type { KafkaServer, PostgresServer } from '@slotcast/testkit';
import type { Scene } from '../support/scene.ts';
import type { ServiceName, ServiceProcess } from '../support/service-process.ts';
import type { RoundPlan, Trouble, TroubleTarget } from './round-plan.ts';

type Half = 'consumer' | 'publisher';

/** slotcast's services beside one server. */
export class Host {
  readonly server: PostgresServer;
  readonly #scene: Scene;
  readonly #extra: Readonly<Record<string, string>>;
  readonly #deployment: RoundPlan['deployment'];
  readonly #services = new Map<ServiceName, ServiceProcess>();
  readonly #all: ServiceProcess[] = [];

  constructor(scene: Scene, server: PostgresServer, plan: RoundPlan) {
    this.#scene = scene;
    this.server = server;
    this.#deployment = plan.deployment;
    this.#extra = { SLOTCAST_ON_DIVERGENCE: plan.policy };
  }

  /** Starts what is not running, and lets go on what is frozen. */
  async repair(): Promise<void> {
    for (const name of this.#names()) {
      const there = this.#services.get(name);
      if (there?.process.isRunning === true) {
        there.process.signal('SIGCONT');
      } else {
        const service = await this.#scene.service(name, this.server, this.#extra);
        this.#services.set(name, service);
        this.#all.push(service);
      }
    }
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.ready(120_000)));
  }

  /** What does the work of this half: a service, or the process that has both. */
  get(half: Half): ServiceProcess | undefined {
    return this.#services.get(this.#deployment === 'node' ? 'node' : half);
  }

  async kill(): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.kill()));
  }

  /** All that its services have logged, dead ones too. */
  async logs(): Promise<string> {
    const logs = await Promise.all(this.#all.map((service) => service.process.log()));
    return logs.join('\n');
  }

  #names(): readonly ServiceName[] {
    return this.#deployment === 'node' ? ['node'] : ['publisher', 'consumer'];
  }
}

/** Does what the plan says to Kafka or a service. */
export async function makeTrouble(
  { target, how }: Trouble,
  parts: { readonly kafka: KafkaServer; readonly old: Host; readonly next: Host },
): Promise<void> {
  if (target === 'kafka') {
    await (how === 'kill' ? parts.kafka.kill() : parts.kafka.pause());
    return;
  }
  const service = serviceOf(target, parts.old, parts.next);
  if (how === 'kill') {
    await service?.kill();
  } else {
    service?.process.signal('SIGSTOP');
  }
}

function serviceOf(
  target: Exclude<TroubleTarget, 'kafka'>,
  old: Host,
  next: Host,
): ServiceProcess | undefined {
  switch (target) {
    case 'consumer':
    case 'publisher':
      return next.get(target);
    case 'old publisher':
      return old.get('publisher');
  }
}
