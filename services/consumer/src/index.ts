export type { AdoptedSlot } from './adoption.ts';
export { type ConsumerOptions, type ConsumerService, createConsumer } from './consumer.ts';
export type { ConsumerControl } from './consumer-control.ts';
export { adoptAlone, prepareAlone } from './standby-alone.ts';
