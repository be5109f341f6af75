export { parseCommandLine } from './command-line.ts';
export { ReceivedRows } from './received-rows.ts';
export { readPublishingEpoch, readSlotStates } from './slot-states.ts';
export { Talk } from './talk.ts';
export { judge } from './verdict.ts';
