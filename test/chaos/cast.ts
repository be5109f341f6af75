import type { KafkaServer } from '@slotcast/testkit';
import { Scene } from '../support/scene.ts';
import { createRows } from '../support/slot-reader.ts';
import { Host } from './hosts.ts';
import type { RoundPlan } from './round-plan.ts';
import { StubbornSubscriber } from './subscriber.ts';
import { RowWriter } from './writer.ts';

/** All that plays in one history. Disposing ends all but the broker, which is left as it is at its best. */
export class Cast {
  readonly scene: Scene;
  readonly kafka: KafkaServer;
  readonly old: Host;
  readonly next: Host;
  readonly writer: RowWriter;
  readonly subscribers: readonly StubbornSubscriber[];

  private constructor(plan: RoundPlan, scene: Scene, kafka: KafkaServer) {
    const { primary } = scene;
    this.scene = scene;
    this.kafka = kafka;
    this.old = new Host(scene, primary, plan);
    this.next = new Host(scene, scene.standby(), plan);
    this.subscribers = plan.subscribers.map((each) => new StubbornSubscriber({ server: primary, ...each }));
    this.writer = new RowWriter(primary);
  }

  /** A primary with a standby, slots whose subscribers follow a writer, and the services, which only begin. */
  static async assemble(plan: RoundPlan, kafka: KafkaServer): Promise<Cast> {
    const scene = await Scene.start({ major: plan.major, bootstrapServers: kafka.bootstrapServers });
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

  async restoreKafka(): Promise<void> {
    if (this.kafka.isRunning) {
      this.kafka.resume();
    } else {
      await this.kafka.start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.writer.stop(), ...this.subscribers.map((subscriber) => subscriber.stop())]);
    await this.restoreKafka();
    await this.scene[Symbol.asyncDispose]();
  }
}
