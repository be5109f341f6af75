export { BothHalves, type Half } from './both-halves.ts';
export { composeNode } from './compose.ts';
export { ADOPT_PATH, consumerCommands, PREPARE_PATH, VERIFY_PATH } from './consumer-commands.ts';
export { followingOptions, type NodeContext, publishingOptions } from './context.ts';
export { explainError, explainLogError } from './explain-error.ts';
export { FolderStateFile } from './folder-state-file.ts';
export { untilRejoined } from './rejoin.ts';
export { serveNode } from './serve.ts';
export { findTopicDifferences, topicsOf } from './verify-topics.ts';
