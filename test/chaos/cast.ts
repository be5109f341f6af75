import { errorText } from '@slotcast/kernel';
import type { KafkaServer } from '@slotcast/testkit';
import { Scene } from '../support/scene.ts';
import { createRows } from '../support/slot-reader.ts';
import type { Diary } from './diary.ts';
import { Host, restoreKafka } from './hosts.ts';
import type { RoundPlan, ServerName } from './round-plan.ts';
import { StubbornSubscriber } from './subscriber.ts';
import { RowWriter } from './writer.ts';

/** A broker that was killed has to come back first. */
const END_TIMEOUT_MS = 300_000;

export interface CastOptions {
  readonly kafka: KafkaServer;
  readonly diary: Diary;
}

/** All that plays in one history. */
export class Cast {
  readonly scene: Scene;
  readonly diary: Diary;
  readonly kafka: KafkaServer;
  readonly writer: RowWriter;
  readonly subscribers: readonly StubbornSubscriber[];
  readonly #hosts: ReadonlyMap<ServerName, Host>;
  /** The present primary. */
  primary: ServerName = 'primary';
  /** The primary before was shut down in an orderly way, with a standby that streamed, before that one was promoted. */
  wasOrderly = false;

  private constructor(plan: RoundPlan, scene: Scene, { kafka, diary }: CastOptions) {
    const { primary } = scene;
    this.scene = scene;
    this.diary = diary;
    this.kafka = kafka;
    this.#hosts = new Map([
      ['primary', new Host(scene, primary, plan)],
      ...plan.standbys.map((name) => [name, new Host(scene, scene.standby(name), plan)] as const),
    ]);
    this.subscribers = plan.subscribers.map((each) => new StubbornSubscriber({ server: primary, ...each }));
    this.writer = new RowWriter(primary);
  }

  /** A primary with its standbys, slots whose subscribers follow a writer, and no services yet. */
  static async assemble(plan: RoundPlan, options: CastOptions): Promise<Cast> {
    const { bootstrapServers } = options.kafka;
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
    return new Cast(plan, scene, options);
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

  /** Ends all but the broker, which is left as it is at its best. What waits for a server that is frozen ends with that server. */
  async end(): Promise<void> {
    const { diary, writer, subscribers, kafka, scene } = this;
    const ends = await Promise.allSettled([
      diary.clearUp('end of the writer', () => writer.stop()),
      ...subscribers.map((each) => diary.clearUp(`end of the subscriber of ${each.slot}`, () => each.stop())),
      diary.clearUp(
        'end of the servers',
        async () => {
          await restoreKafka(kafka);
          await scene[Symbol.asyncDispose]();
        },
        END_TIMEOUT_MS,
      ),
    ]);
    const errors: unknown[] = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    if (errors.length > 0) {
      throw new Error(errors.map(errorText).join('; '));
    }
  }
}
