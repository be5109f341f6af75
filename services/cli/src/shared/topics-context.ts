import type { Config } from '@slotcast/config';
import { type EventLog, topicNames } from '@slotcast/event-log';
import { type Codec, createCodec, SchemaRegistry } from '@slotcast/event-schema';
import { systemClock } from '@slotcast/kernel';
import { SilenceMeter, type TopicsContext } from '@slotcast/topics';

/** By what a command understands records. */
export function codecFor({ schemaRegistryUrl: url }: Config, signal: AbortSignal): Codec {
  return createCodec(url === undefined ? {} : { registry: new SchemaRegistry({ url, signal }) });
}

/** What a command reads both topics of its cluster with. What it has to skip it tells on standard error. */
export function topicsContext(config: Config, log: EventLog, signal: AbortSignal): TopicsContext {
  const { slots: slotsTopic, nodes: nodesTopic } = topicNames(config.topicPrefix, config.cluster);
  return {
    log,
    codec: codecFor(config, signal),
    slotsTopic,
    nodesTopic,
    silence: new SilenceMeter(systemClock),
    onUnusable: ({ topic, offset, reason }) => {
      process.stderr.write(`slotcast: skipped record ${offset} of ${topic}: ${reason}\n`);
    },
  };
}
