export { checkReport } from './commands/doctor/check-report.ts';
export { EventTable } from './commands/events/event-table.ts';
export { isUnsafe, type PreparedAnswer, preparedText } from './commands/prepare-promotion/prepared-text.ts';
export { paintFor, plain } from './commands/status/paint.ts';
export { statusText } from './commands/status/text.ts';
export { wrapText } from './commands/status/wrap-text.ts';
export { printable } from './shared/output.ts';
