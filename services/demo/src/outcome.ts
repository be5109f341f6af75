import { textTable } from '@slotcast/views';
import type { Failover } from './failover.ts';
import type { SlotPlace } from './server-facts.ts';
import { SLOTS } from './shop.ts';
import type { Verdict } from './verdict.ts';

/** Where a slot stood; LSNs as text. */
interface PlaceOnNode {
  readonly node: string;
  readonly restartLsn: string | null;
  readonly confirmedFlushLsn: string | null;
}

/** What the demo found: the object of `--output json`. */
export interface Outcome {
  readonly rowsWritten: number;
  readonly rowsOnNewPrimary: number;
  readonly rowsPerSubscriber: Readonly<Record<string, number>>;
  readonly missing: number;
  readonly duplicates: number;
  readonly lostRows: number;
  readonly slots: readonly {
    readonly name: string;
    /** On the promoted standby, before its subscriber came. */
    readonly atPromotion: PlaceOnNode;
    readonly newPrimary: PlaceOnNode;
    readonly standby: PlaceOnNode;
  }[];
  readonly failoverMs: number;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly timeline: number;
  readonly switchLsn: string;
}

export interface OutcomeParts {
  readonly rowsWritten: number;
  readonly rowsOnNewPrimary: number;
  readonly verdict: Verdict;
  readonly failover: Failover;
  readonly failoverMs: number;
  readonly slotsOnNewPrimary: ReadonlyMap<string, SlotPlace>;
  readonly slotsOnStandby: ReadonlyMap<string, SlotPlace>;
}

/** Puts the findings together. */
export function outcomeOf(parts: OutcomeParts): Outcome {
  const { verdict, failover } = parts;
  const newPrimary = failover.newPrimary.name;
  const standby = failover.otherStandby.name;
  return {
    rowsWritten: parts.rowsWritten,
    rowsOnNewPrimary: parts.rowsOnNewPrimary,
    rowsPerSubscriber: verdict.rowsPerSubscriber,
    missing: verdict.missing,
    duplicates: verdict.duplicates,
    lostRows: verdict.lostRows,
    slots: SLOTS.map((name) => ({
      name,
      atPromotion: placeOn(newPrimary, failover.slotsAtPromotion.get(name)),
      newPrimary: placeOn(newPrimary, parts.slotsOnNewPrimary.get(name)),
      standby: placeOn(standby, parts.slotsOnStandby.get(name)),
    })),
    failoverMs: Math.round(parts.failoverMs),
    latencyMs: { p50: verdict.latencyMs?.p50 ?? null, p99: verdict.latencyMs?.p99 ?? null },
    timeline: failover.timeline,
    switchLsn: failover.switchLsn,
  };
}

function placeOn(node: string, place: SlotPlace | undefined): PlaceOnNode {
  return {
    node,
    restartLsn: place?.restartLsn ?? null,
    confirmedFlushLsn: place?.confirmedFlushLsn ?? null,
  };
}

/** The closing table for people. */
export function outcomeTable(outcome: Outcome): string {
  const [example] = outcome.slots;
  const head = [
    'slot',
    `taken over by ${example?.atPromotion.node} at`,
    `${example?.newPrimary.node} now`,
    `${example?.standby.node} now`,
    'rows',
    'missing',
  ];
  const rows = outcome.slots.map(({ name, atPromotion, newPrimary, standby }) => {
    const received = outcome.rowsPerSubscriber[name] ?? 0;
    return [
      name,
      atPromotion.confirmedFlushLsn ?? 'absent',
      newPrimary.confirmedFlushLsn ?? 'absent',
      standby.confirmedFlushLsn ?? 'absent',
      String(received),
      String(outcome.rowsOnNewPrimary - received),
    ];
  });
  return [
    ...textTable([head, ...rows]),
    '',
    ...textTable(
      [
        ['rows acknowledged to the writer', String(outcome.rowsWritten)],
        [
          'rows on the new primary',
          `${outcome.rowsOnNewPrimary} (timeline ${outcome.timeline} since ${outcome.switchLsn})`,
        ],
        ['missing at a subscriber', String(outcome.missing)],
        [
          'received twice',
          `${outcome.duplicates} (over ${outcome.slots.length} subscribers, which start where their slots stand)`,
        ],
        ['lost with the old primary', `${outcome.lostRows} (received by a subscriber, but by no standby)`],
        [
          'failover',
          `${outcome.failoverMs} ms from SIGKILL to a row of timeline ${outcome.timeline} at every subscriber`,
        ],
        [
          'latency',
          `p50 ${outcome.latencyMs.p50 ?? '-'} ms, p99 ${outcome.latencyMs.p99 ?? '-'} ms from insert to subscriber`,
        ],
      ],
      '  ',
    ),
    '',
    outcome.missing === 0
      ? 'No row is missing.'
      : `${outcome.missing} rows are missing: this must not happen; please report it.`,
    '',
  ].join('\n');
}
