export { composeNode } from './compose.ts';
export { ADOPT_PATH, consumerCommands, PREPARE_PATH } from './consumer-commands.ts';
export { followingOptions, publishingOptions } from './context.ts';
export { explainError, explainLogError } from './explain-error.ts';
export { serveNode } from './serve.ts';
export { findTopicDifferences, topicsOf } from './verify-topics.ts';
