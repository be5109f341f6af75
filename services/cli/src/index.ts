export { checkReport } from './check-report.ts';
export { type EventLine, eventLine, type LoggedEvent } from './event-line.ts';
export { EventTable } from './event-table.ts';
export { printable } from './output.ts';
export { paintFor, plain } from './paint.ts';
export { bytesText, durationText } from './quantity.ts';
export { type StatusReport, statusObject } from './status-json.ts';
export { statusText } from './status-text.ts';
export { wrapText } from './wrap-text.ts';
