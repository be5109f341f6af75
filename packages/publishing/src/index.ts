export { claimTopic } from './claim-topic.ts';
export { createPublisher, type PublisherOptions } from './publisher.ts';
