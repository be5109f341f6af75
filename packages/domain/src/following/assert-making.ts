import { databaseKey, databaseOf, sameDatabase } from '../vocabulary/slot-database.ts';
import { isLeadingSlot } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalLogicalSlot, type LocalSlot } from '../vocabulary/slot-state.ts';
import {
  type Check,
  isConfirmed,
  isOfPresent,
  isToBeHere,
  isUpTo,
  placeOf,
  type SlotFacts,
} from './plan-facts.ts';
import type { SlotAction } from './slot-verdict.ts';

type Of<Kind extends SlotAction['kind']> = Extract<SlotAction, { kind: Kind }>;

/** A slot is made under its real name when its ownership is on record, and its subscriber has passed the point where it starts. */
export function checkMaking(action: Of<'copy' | 'create_two_phase'>, slot: SlotFacts): readonly Check[] {
  const { owned, state, input } = slot;
  const { twoPhase } = isLogical(state) ? state : { twoPhase: false };
  const isMadeSo = action.kind === 'create_two_phase';
  const probe = input.probes.get(databaseKey(action.database));
  const start = probe?.consistentPoint;
  return [
    ...checkPlace(action, slot),
    ...checkPlugin(action.plugin, slot),
    [
      isLogical(state) && (isMadeSo ? twoPhase : !twoPhase || mayRaise(state)) && owned?.proven === !twoPhase,
      'two_phase is not as it is recorded',
    ],
    [start !== undefined && probe?.pin === undefined, 'nothing is there to make it from that is sound'],
    [
      start !== undefined && isConfirmed(start, slot),
      'its subscriber has not passed the point where it would start',
    ],
    [isUpTo(start, input.replayLsn), 'it would stand past replay'],
    [
      isMadeSo || isUpTo(start, owned?.highestLsn),
      'it would stand beyond what is recorded with its ownership',
    ],
  ];
}

/** What becomes two_phase is the copy that was made for it: it stands where that was recorded to begin, and its subscriber has passed that. */
export function checkEnabling(action: Of<'enable_two_phase'>, slot: SlotFacts): readonly Check[] {
  const { here, owned, state } = slot;
  const position = here?.confirmedFlushLsn;
  return [
    [isToBeHere(slot) && isOfPresent(slot), 'its ownership is not on record'],
    [
      isLogical(here) && sameDatabase(databaseOf(here), action.database) && !here.twoPhase && mayRaise(here),
      'what is here cannot become two_phase',
    ],
    [isLogical(state) && state.twoPhase && owned?.proven === false, 'two_phase is not as it is recorded'],
    [
      position !== undefined && position === owned?.highestLsn && isConfirmed(position, slot),
      'it does not stand where it was to begin',
    ],
  ];
}

/** Only pgoutput has an option that asks for it. */
function mayRaise({ plugin }: { readonly plugin: string }): boolean {
  return plugin === 'pgoutput';
}

/** A slot that is missing since it was to be made anew is made from a leading one that skips nothing of what its subscriber lacks. */
export function checkRestore(action: Of<'restore'>, slot: SlotFacts): readonly Check[] {
  const leader = slot.input.local.find(({ name, temporary }) => name === action.leader && !temporary);
  return [
    ...checkPlace(action, slot),
    [leader !== undefined && isSourceFor(leader, slot), 'the leading slot may skip changes that it needs'],
  ];
}

/** Of temporary slots. */
export function checkTemporary(action: Of<'anchor' | 'probe'>, slot: SlotFacts): readonly Check[] {
  const { state, input } = slot;
  const { making } = input;
  const isItsTurn =
    action.kind === 'anchor'
      ? making.kind === 'none'
      : making.kind === 'held' &&
        making.under === action.under &&
        !input.probes.has(databaseKey(action.database));
  return [
    [isToBeHere(slot), 'the slot is not to be here'],
    [isLogical(state) && sameDatabase(databaseOf(state), action.database), 'it is in another database'],
    [isItsTurn, 'catalog rows are not known to be held back for it, or there is one already'],
    ...checkPlugin(action.plugin, slot),
  ];
}

function checkPlace(action: Of<'copy' | 'create_two_phase' | 'restore'>, slot: SlotFacts): readonly Check[] {
  const { here, state } = slot;
  return [
    [here === undefined, 'a slot of that name is here'],
    [isToBeHere(slot), 'the slot is not to be here'],
    [isOfPresent(slot), 'its ownership is not on record'],
    [
      isLogical(state) && state.plugin === action.plugin && sameDatabase(databaseOf(state), action.database),
      'it has another plugin or database on the primary',
    ],
  ];
}

/** A plugin's name is a library that the server loads. */
function checkPlugin(plugin: string, { input }: SlotFacts): readonly Check[] {
  const { policy, serverPlugins, unloadable } = input;
  return [
    [
      /^[\w-][\w.-]*$/.test(plugin) && policy.allowedPlugins.includes(plugin),
      'its plugin is not allowed here',
    ],
    [
      (serverPlugins?.includes(plugin) ?? true) && !unloadable.has(plugin),
      'its plugin is known not to be loaded by the server',
    ],
  ];
}

/** True for a leading slot that another slot can be a copy of. */
export function isUsableSource(leader: LocalSlot): leader is LocalLogicalSlot {
  const { name, temporary, restartLsn, confirmedFlushLsn } = leader;
  const isComplete = restartLsn !== undefined && confirmedFlushLsn !== undefined;
  return (
    isLeadingSlot(name) &&
    isLogical(leader) &&
    !temporary &&
    !leader.twoPhase &&
    !isInvalidated(leader) &&
    isComplete
  );
}

/** It was to be made anew from a leading slot of its database, and this one stands nowhere beyond its subscriber. */
export function isSourceFor(leader: LocalSlot, { state, owned, furthest }: SlotFacts): boolean {
  return (
    isUsableSource(leader) &&
    owned?.remaking === true &&
    owned.proven &&
    isLogical(state) &&
    !state.twoPhase &&
    sameDatabase(databaseOf(leader), databaseOf(state)) &&
    isUpTo(placeOf(leader), furthest)
  );
}
