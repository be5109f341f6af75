import {
  type ClusterFacts,
  type ClusterView,
  namesText,
  type Requirement,
  type SlotName,
  standbysOf,
} from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';

/** What `slotcast status` was asked. */
export interface StatusQuestion {
  readonly node?: string;
  readonly slot?: SlotName;
  readonly require?: Requirement;
}

/** Compares the question with all that is known. Throws a SlotcastError of code SC_USAGE when it names what does not exist. */
export function checkStatusQuestion(question: StatusQuestion, view: ClusterView, facts: ClusterFacts): void {
  const { node, slot, require: requirement } = question;
  if (node !== undefined && !view.nodes.some(({ name }) => name === node)) {
    throw misuse(
      `--node ${node}: there is no such node`,
      'nodes',
      view.nodes.map(({ name }) => name),
    );
  }
  if (slot !== undefined && !view.slots.some(({ name }) => name === slot)) {
    const isLive = facts.manifest.record.slots.some(({ name }) => name === slot);
    const isPhysical = view.physicalSlots.some(({ name }) => name === slot);
    const why = isPhysical
      ? 'it is a physical slot, which is shown without that'
      : isLive
        ? 'the primary has it, but SLOTCAST_SLOTS does not select it'
        : 'the primary has no such slot';
    throw misuse(
      `--slot ${slot}: ${why}`,
      'wanted slots',
      view.slots.map(({ name }) => name),
    );
  }
  const standbys = standbysOf(view.nodes)
    .map(({ name }) => name)
    .filter((name) => node === undefined || name === node);
  if (typeof requirement === 'number' && requirement > standbys.length) {
    const of = node === undefined ? '' : ` with --node ${node}`;
    throw misuse(`--require ${requirement}${of}: there are not so many standbys`, 'standbys', standbys);
  }
}

function misuse(message: string, what: string, known: readonly string[]): SlotcastError {
  const names = known.length === 0 ? `there are no ${what}` : `known ${what}: ${namesText(known, 20)}`;
  return new SlotcastError('SC_USAGE', `${message}; ${names}`);
}
