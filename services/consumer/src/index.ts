export { type ConsumerOptions, createConsumer } from './consumer.ts';
