export { createPublisher, type PublisherOptions } from './publisher.ts';
