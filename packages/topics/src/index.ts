export { awaitNodeName, type NodeNameClaimant } from './await-node-name.ts';
export { ClusterReader } from './cluster-reader.ts';
export {
  decodeLastKnown,
  encodeLastKnown,
  type KnownClocks,
  type LastKnown,
  type UselessState,
} from './last-known.ts';
export { NodeDirectory } from './node-directory.ts';
export { nodeTombstones } from './node-tombstones.ts';
export { NodesReader } from './nodes-reader.ts';
export { SilenceMeter } from './silence-meter.ts';
export { SlotsFeed } from './slots-feed.ts';
export { SlotsReader } from './slots-reader.ts';
export { readAsOf } from './topic-as-of.ts';
export {
  serviceTopics,
  type TopicsAccess,
  type TopicsContext,
  type UnusableRecord,
} from './topics-context.ts';
