export { checksJson } from './checks-json.ts';
export { type EventJson, eventJson, type LoggedEvent } from './event-json.ts';
export { type PreparedPromotionJson, preparedPromotionJson } from './prepared-promotion-json.ts';
export * from './quantity.ts';
export { type RebuildOutcome, type RebuiltJson, rebuildOutcomes, rebuiltJson } from './rebuilt-json.ts';
export { type StatusReport, statusJson } from './status-json.ts';
export * from './text-table.ts';
export { type TopicReport, topicsJson } from './topics-json.ts';
export { type VerifiedJson, verifiedJson } from './verified-json.ts';
