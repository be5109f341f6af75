export { checkReport } from './check-report.ts';
export { type EventLine, eventLine, type LoggedEvent } from './event-line.ts';
export { EventTable } from './event-table.ts';
export { printable } from './output.ts';
