import {
  emptyLine,
  type LogicalSlotState,
  type Lsn,
  type Ownership,
  parseSlotName,
  type SlotEvent,
  timeline,
} from '@slotcast/domain';
import type { HandOffOptions } from '@slotcast/hand-off';

const incarnation = { epoch: 1, seq: 1 };

const owned: Ownership = { incarnation, lineage: 'first', proven: true };

/** The newest event of a slot whose subscriber had confirmed up to there, published on timeline 1. */
export function confirmedAt(
  name: string,
  confirmedFlushLsn: Lsn,
): SlotEvent & { readonly state: LogicalSlotState } {
  const slot = parseSlotName(name);
  return {
    kind: 'slot',
    op: 'update',
    slot,
    incarnation,
    state: {
      name: slot,
      type: 'logical',
      plugin: 'pgoutput',
      database: 'postgres',
      databaseOid: 16_384,
      twoPhase: false,
      failover: false,
      synced: false,
      confirmedFlushLsn,
      active: false,
    },
    lsn: confirmedFlushLsn,
    timeline: timeline(1),
    epoch: 1,
    seq: 2,
    node: 'primary',
    time: 0,
  };
}

/** What the topics say when slots were published so, and are this node's. */
export function knowledgeOfEvents(events: readonly SlotEvent[]): HandOffOptions['knowledge'] {
  return {
    node: 's1',
    publishedOn: () => ({
      ...emptyLine,
      published: new Map(events.map((event) => [event.slot, event])),
      lineage: owned.lineage,
    }),
    ownership: new Map(events.map(({ slot }) => [slot, owned])),
    reasons: new Map(),
    promotions: [],
    prepared: [],
    others: [],
    earlier: undefined,
  };
}
