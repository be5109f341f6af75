import { parseLsn, type Reason } from '@slotcast/domain';

/** How a slot really stands, here and on the primary. */
export interface Standing {
  readonly replayLsn: number;
  /** Absent: there is no such slot, or it has no position. */
  readonly confirmedHere: number | undefined;
  /** By name, of all slots of the primary. */
  readonly confirmedThere: ReadonlyMap<string, number | undefined>;
}

/** Steps of slotcast's own: a slot that only waits for them has nothing to wait for when all is calm. */
const steps = new Set([
  'recording_ownership',
  'recording_in_new_topic',
  'remaking',
  'being_made',
  'making_again',
  'restoring',
  'making_anchor',
  'making_probe',
  'probe_lost',
  'replacing',
]);

/** What passes when all is calm: transactions have ended, and the publisher is heard. */
const passing = new Set(['waits_transactions', 'waits_first_event', 'publisher_silent']);

/** False for a reason that cannot be true any more when nothing has happened for a while. One that is not known here is taken for true. */
export function isStillTrue({ code, facts }: Reason, standing: Standing): boolean {
  const { replayLsn, confirmedHere, confirmedThere } = standing;
  const position = positionOf(facts['position']);
  switch (code) {
    case 'waits_subscriber': {
      const there = confirmedThere.get(facts['slot'] ?? '');
      return position === undefined || there === undefined || there < position;
    }
    case 'waits_replay_of_pin':
      return position === undefined || replayLsn < position;
    case 'behind': {
      const goal = positionOf(facts['goal']);
      return goal === undefined || confirmedHere === undefined || confirmedHere < goal;
    }
    default:
      return !steps.has(code) && !passing.has(code);
  }
}

function positionOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(parseLsn(text));
}
