export { claimTopic } from './claim-topic.ts';
export { Forgetting, type ForgottenSlot } from './forgetting.ts';
export { createPublisher, type PublisherOptions } from './publisher.ts';
