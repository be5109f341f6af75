export type { AdoptedSlot } from './adoption.ts';
export { type ConsumerOptions, type ConsumerService, createConsumer } from './consumer.ts';
export type { ConsumerControl } from './consumer-control.ts';
export { Copies, type CopyAction } from './copies.ts';
export { DecodingBudget } from './decoding-budget.ts';
export { Mover } from './mover.ts';
export { PluginWatch } from './plugin-watch.ts';
export { SlotFailures } from './slot-failures.ts';
export { adoptAlone, prepareAlone } from './standby-alone.ts';
