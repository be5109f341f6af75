import { testContract } from '../../event-log/test/contract.ts';
import { SimBroker } from '../src/log/sim-broker.ts';
import { SimLog } from '../src/log/sim-log.ts';
import { Process } from '../src/world/process.ts';
import { SimLink } from '../src/world/sim-link.ts';
import { realTimeWorld } from './support/real-time-world.ts';

testContract('the log of the simulation', async () => {
  const broker = new SimBroker(realTimeWorld, Date.now);
  const link = new SimLink('kafka', queueMicrotask);
  const connect = (): SimLog =>
    new SimLog(broker, { world: realTimeWorld, process: new Process('reader', undefined), link });
  let names = 0;
  return {
    connect,
    uniqueName: (label) => `${label}${(names += 1)}`,
    compactingConfig: new Map([
      ['cleanup.policy', 'compact'],
      ['delete.retention.ms', '0'],
    ]),
    compact: async (topic) => broker.compact(topic),
    recreateTopic: async (topic) => broker.recreateTopic(topic),
    leaveOpen: async (transactionalId, records) => {
      broker.produce(broker.claim(transactionalId), records);
    },
    close: async () => undefined,
  };
});
