import assert from 'node:assert/strict';
import {
  assertPlan,
  databaseKey,
  type Hold,
  type LocalLogicalSlot,
  type LogicalSlotState,
  type Ownership,
  type Plan,
  type PlanInput,
  type PlanPolicy,
  parseSlotName,
  plan,
  type SlotEvent,
  type SlotVerdict,
} from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, shop } from '../vocabulary-examples.ts';

export const policy: PlanPolicy = {
  wanted: ({ type }) => type === 'logical',
  filter: { text: 'name_like:%', confirmed: false },
  dropExtraSlots: true,
  onConflict: 'report',
  allowedPlugins: ['pgoutput', 'test_decoding'],
  limits: { maxLagBytes: 1_000_000n, maxLagMs: 10_000, heartbeatStaleMs: 30_000 },
  advanceStepBytes: 1000n,
};

export const pin = {
  hotStandbyFeedback: true,
  primarySlotName: 'to_bravo',
  links: [{ slot: 'to_bravo', holder: 'alpha', catalogXmin: 700, feedback: true }],
};

/** The slots that exist here, by name, each at 0/2000 unless told; `a` on the primary stands at 0/2000 as well. */
export function local(name: string, over: Partial<LocalLogicalSlot> = {}): LocalLogicalSlot {
  return { ...logicalSlot(name), temporary: false, active: false, ...over };
}

/** What the primary has published of a slot, when all WAL up to 0/9000 was there. */
export function live(
  name: string,
  over: Partial<LogicalSlotState> = {},
  event: Partial<Omit<SlotEvent, 'state'>> = {},
): SlotEvent & { readonly state: LogicalSlotState } {
  return { ...slotEvent(name, { seq: 1, lsn: 0x9000 }, event), state: logicalSlot(name, over) };
}

export function owning(over: Partial<Ownership> = {}): Ownership {
  return {
    incarnation: { epoch: 1, seq: 1 },
    lineage: 'first',
    proven: true,
    highestLsn: at(0x2000),
    ...over,
  };
}

/** What a plan is made of; the rest is an ordinary healthy standby. */
export interface Situation extends Partial<Omit<PlanInput, 'desired' | 'ownership' | 'held' | 'policy'>> {
  readonly events?: readonly SlotEvent[];
  readonly owned?: Readonly<Record<string, Ownership>>;
  readonly holds?: Readonly<Record<string, Hold>>;
  readonly policy?: Partial<PlanPolicy>;
}

export function planInput(situation: Situation): PlanInput {
  const { events = [], owned = {}, holds = {}, policy: chosen, ...over } = situation;
  const names = events.filter((event) => event.op !== 'drop').map((event) => event.slot);
  return {
    desired: new Map(events.map((event) => [event.slot, event])),
    furthest: new Map(
      events.flatMap(({ slot, state }) =>
        state?.confirmedFlushLsn === undefined ? [] : [[slot, state.confirmedFlushLsn]],
      ),
    ),
    manifest: manifest(names, { seq: 100 }),
    waiting: new Map(),
    replayLsn: at(0x9000),
    endOfWal: at(0x9000),
    limits: {},
    local: [],
    ownership: new Map(Object.entries(owned).map(([name, value]) => [parseSlotName(name), value])),
    probes: new Map(),
    unloadable: new Map(),
    held: new Map(Object.entries(holds).map(([name, value]) => [parseSlotName(name), value])),
    unproven: new Map(),
    rhythms: new Map(),
    pin,
    making: { kind: 'held', under: 'slotcast_tmp_9' },
    anchored: false,
    maxReplicationSlots: 10,
    syncReplicationSlots: false,
    heartbeatAgeMs: 0,
    now: 0,
    ...over,
    policy: { ...policy, ...chosen },
  };
}

/** Of which no step may break a rule, whatever the situation. */
export function planned(situation: Situation): Plan {
  const input = planInput(situation);
  const made = plan(input);
  assert.deepEqual(assertPlan(made, input), []);
  return made;
}

/** The verdict on the only slot of the situation. */
export function verdictOn(situation: Situation): SlotVerdict {
  const { verdicts } = planned(situation);
  const [only] = verdicts;
  assert.ok(only !== undefined && verdicts.length === 1, `one verdict, not ${verdicts.length}`);
  return only;
}

/** State and step in one line, such as `ready advance`. */
export function outline({ state, action }: SlotVerdict): string {
  return action === undefined ? state : `${state} ${action.kind}`;
}

export const probed = new Map([[databaseKey(shop), { consistentPoint: at(0x2000) }]]);
export const mine = { a: owning() };
