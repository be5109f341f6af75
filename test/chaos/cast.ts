import type { KafkaServer } from '@slotcast/testkit';
import { Scene } from '../support/scene.ts';
import { createRows } from '../support/slot-reader.ts';
import { Host, restoreKafka } from './hosts.ts';
import type { RoundPlan, ServerName } from './round-plan.ts';
import { StubbornSubscriber } from './subscriber.ts';
import { RowWriter } from './writer.ts';

/** All that plays in one history. Disposing ends all but the broker, which is left as it is at its best. */
export class Cast {
  readonly scene: Scene;
  readonly kafka: KafkaServer;
  readonly writer: RowWriter;
  readonly subscribers: readonly StubbornSubscriber[];
  readonly #hosts: ReadonlyMap<ServerName, Host>;
  /** The present primary. */
  primary: ServerName = 'primary';
  /** The primary before was shut down in an orderly way, with a standby that streamed, before that one was promoted. */
  wasOrderly = false;

  private constructor(plan: RoundPlan, scene: Scene, kafka: KafkaServer) {
    const { primary } = scene;
    this.scene = scene;
    this.kafka = kafka;
    this.#hosts = new Map([
      ['primary', new Host(scene, primary, plan)],
      ...plan.standbys.map((name) => [name, new Host(scene, scene.standby(name), plan)] as const),
    ]);
    this.subscribers = plan.subscribers.map((each) => new StubbornSubscriber({ server: primary, ...each }));
    this.writer = new RowWriter(primary);
  }

  /** A primary with its standbys, slots whose subscribers follow a writer, and no services yet. */
  static async assemble(plan: RoundPlan, kafka: KafkaServer): Promise<Cast> {
    const { bootstrapServers } = kafka;
    const scene = await Scene.start({ major: plan.major, bootstrapServers, standbys: plan.standbys });
    try {
      await createRows(scene.primary);
      for (const { slot } of plan.subscribers) {
        await scene.createSlot(slot, { plugin: 'pgoutput' });
      }
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
    return new Cast(plan, scene, kafka);
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  host(name: ServerName): Host {
    const host = this.#hosts.get(name);
    if (host === undefined) {
      throw new Error(`no server ${name}`);
    }
    return host;
  }

  /** All but the present primary and the given one. */
  others(name: ServerName): readonly ServerName[] {
    return [...this.#hosts.keys()].filter((each) => each !== name && each !== this.primary);
  }

  async logs(): Promise<string> {
    return (await Promise.all(this.hosts.map((host) => host.logs()))).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.writer.stop(), ...this.subscribers.map((subscriber) => subscriber.stop())]);
    await restoreKafka(this.kafka);
    await this.scene[Symbol.asyncDispose]();
  }
}
