import { standbysOf, unmetSlots } from '@slotcast/domain';
import { printable } from './output.ts';
import type { Paint } from './paint.ts';
import { counted, durationText, namesText } from './quantity.ts';
import type { StatusReport } from './status-json.ts';

/** The answer in one sentence, then what a reader has to know before trusting the rest. */
export function verdictLines(report: StatusReport, paint: Paint): string[] {
  const unmet = unmetSlots(report.view, report.requirement).map(({ name }) => name);
  const verdict =
    unmet.length === 0 ? paint('good', goodVerdict(report)) : paint('bad', badVerdict(report, unmet));
  const { splitBrain } = report.view;
  const alarm = splitBrain === undefined ? [] : [paint('bad', `${sentence(splitBrain)}.`)];
  return [...alarm, verdict, ...warnings(report, unmet).map((text) => paint('warning', text))];
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
  if (publisher.silent) {
    texts.push(
      `The publisher beside ${printable(publisher.node)} has been silent for ${durationText(publisher.heartbeatAgeMs)}: is the primary down?`,
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
  if (late.length > 0) {
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
