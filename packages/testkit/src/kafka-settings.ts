/** The two ports of a combined broker and controller, both on 127.0.0.1. */
export interface KafkaPorts {
  readonly broker: number;
  readonly controller: number;
}

export interface KafkaSettingsInput {
  readonly ports: KafkaPorts;
  readonly dataFolder: string;
  /** Added to the settings below, or put in their place. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * The text of `server.properties` for one node that is broker and controller. The replication factors of the internal
 * topics are 3 by default, and clients hang while a lone broker cannot create them.
 */
export function kafkaServerProperties({ ports, dataFolder, settings }: KafkaSettingsInput): string {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.broker}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataFolder,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // A killed broker may register again only when its last session has run out: 9 s by default.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'num.network.threads': '2',
    'num.io.threads': '2',
    'log.cleaner.threads': '1',
    // A cleaner that looks every 15 s, as it does by default, would make each test of compaction that long.
    'log.cleaner.backoff.ms': '200',
    // The cleaner's map is 128 MB by default, a third of the heap here.
    'log.cleaner.dedupe.buffer.size': '8388608',
    ...settings,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
