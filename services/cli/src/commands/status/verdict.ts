import { lostSlots, type NodeView, namesText, reasonText, standbysOf, unmetSlots } from '@slotcast/domain';
import { counted, durationText, type StatusReport } from '@slotcast/views';
import { printable } from '../../shared/output.ts';
import type { Paint } from './paint.ts';

/** The answer in one sentence, then what a reader has to know before trusting the rest. */
export function verdictLines(report: StatusReport, paint: Paint): string[] {
  const { view, requirement } = report;
  const unmet = unmetSlots(view, requirement).map(({ name }) => name);
  const alarms = [view.splitBrain, view.filterDoubt]
    .filter((text) => text !== undefined)
    .map((text) => paint('bad', `${sentence(reasonText([text]))}.`));
  return [
    ...alarms,
    ...verdictLine(report, unmet, paint),
    ...warnings(report, unmet).map((text) => paint('warning', text)),
  ];
}

function verdictLine(report: StatusReport, unmet: readonly string[], paint: Paint): string[] {
  const { view, requirement } = report;
  if (view.slots.length === 0 && view.filterDoubt !== undefined) {
    return [];
  }
  if (unmet.length === 0) {
    return [paint('good', goodVerdict(report))];
  }
  const text =
    view.publisher.silent && lostSlots(view, requirement).length === 0
      ? silentVerdict(report)
      : badVerdict(report, unmet);
  return [paint('bad', text)];
}

/** Nothing is lost as far as anybody knows, which is as far as the publisher told. */
function silentVerdict({ view, requirement }: StatusReport): string {
  const [only] = view.slots;
  const what =
    view.slots.length === 1 && only !== undefined
      ? `Slot ${only.name}`
      : `Each of ${view.slots.length} wanted slots`;
  return `${what} can be taken over by ${standbysText(view, requirement)}, by what was published until ${durationText(view.publisher.heartbeatAgeMs)} ago; what happened since is not known.`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function goodVerdict({ view, requirement }: StatusReport): string {
  if (view.slots.length === 0) {
    return 'There is nothing to take over: the primary has no logical slot that SLOTCAST_SLOTS selects.';
  }
  const [only] = view.slots;
  const what = view.slots.length === 1 && only !== undefined ? `Slot ${only.name}` : 'Every wanted slot';
  return `${what} can be taken over by ${standbysText(view, requirement)}.`;
}

function standbysText(view: StatusReport['view'], requirement: StatusReport['requirement']): string {
  const standbys = standbysOf(view.nodes);
  const [only] = standbys;
  if (standbys.length === 1 && only !== undefined) {
    return `standby ${printable(only.name)}`;
  }
  if (requirement === 'all') {
    return `each of ${standbys.length} standbys`;
  }
  return requirement === 1 ? 'at least one standby' : `at least ${requirement} standbys`;
}

function badVerdict({ view, requirement }: StatusReport, unmet: readonly string[]): string {
  const standbys = standbysOf(view.nodes);
  const [only] = standbys;
  const onlyName = standbys.length === 1 && only !== undefined ? printable(only.name) : undefined;
  const all = view.slots.length;
  const names = namesText(unmet);
  if (requirement !== 1 && onlyName === undefined && standbys.length > 0) {
    const where = requirement === 'all' ? 'each' : `at least ${requirement}`;
    const have = unmet.length === 1 ? 'has' : 'have';
    return `${unmet.length} of ${counted(all, 'wanted slot')} ${have} no ready copy on ${where} of ${standbys.length} standbys: ${names}.`;
  }
  const where = onlyName === undefined ? 'on any standby' : `on standby ${onlyName}`;
  if (unmet.length === all && all > 1) {
    return `None of ${all} wanted slots is ready ${where}: ${names}.`;
  }
  const are = unmet.length === 1 ? 'is' : 'are';
  return `${unmet.length} of ${counted(all, 'wanted slot')} ${are} not ready ${where}: ${names}.`;
}

function warnings({ view, malformed }: StatusReport, unmet: readonly string[]): string[] {
  const standbys = standbysOf(view.nodes);
  const { publisher } = view;
  const texts: string[] = [];
  if (standbys.length === 0) {
    texts.push('No standby has written a status: is slotcast consumer running beside one?');
  } else if (standbys.every(({ stale }) => stale)) {
    const ageMs = Math.min(...standbys.map((node) => node.ageMs));
    texts.push(
      `No standby has written its status for ${durationText(ageMs)}: what is said of standbys was so then. Does slotcast consumer run beside them?`,
    );
  }
  if (publisher.silent || publisher.late) {
    texts.push(
      `The publisher beside ${printable(publisher.node)} has been silent for ${durationText(publisher.heartbeatAgeMs)}: is the primary down?`,
    );
  }
  const cutOff = standbys.filter((node) => isCutOff(node)).map(({ name }) => printable(name));
  if (cutOff.length > 0) {
    texts.push(
      `${namesText(cutOff)} ${cutOff.length === 1 ? 'streams' : 'stream'} from no server, and so ${cutOff.length === 1 ? 'receives' : 'receive'} no WAL.`,
    );
  }
  for (const { name, status } of view.nodes.filter(({ role }) => role === 'promoted')) {
    texts.push(
      `${printable(name)} was promoted to timeline ${status?.timeline}, and its publisher has not written to the topic yet.`,
    );
  }
  const late = view.slots.filter(
    ({ name, copies }) => unmet.includes(name) && copies.some(({ usable }) => usable),
  );
  // Otherwise the answer itself says so.
  if (late.length > 0 && !(publisher.silent && late.length === view.slots.length)) {
    const which = late.length === unmet.length ? 'Each of them' : `${late.length} of them`;
    texts.push(
      `${late.length === 1 && unmet.length === 1 ? 'It' : which} could still be taken over, as far as was last heard: see "to promote" below.`,
    );
  }
  if (malformed > 0) {
    texts.push(`${counted(malformed, 'record')} of the topics could not be read and counted for nothing.`);
  }
  return texts;
}

/** By a record that is recent: what streamed long ago says nothing. */
function isCutOff({ stale, status }: NodeView): boolean {
  return !stale && status !== undefined && status.upstream === undefined;
}
