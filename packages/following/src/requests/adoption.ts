import {
  databaseOf,
  judgeAdoption,
  type LocalSlot,
  type PhysicalSlotState,
  type PlanPolicy,
  reason,
  reasonText,
  type SlotName,
} from '@slotcast/domain';
import { type Clock, SlotcastError } from '@slotcast/kernel';
import {
  advanceSlot,
  classifyPostgresError,
  type DatabaseSessions,
  describePostgresError,
  isPostgresError,
} from '@slotcast/postgres';
import type { NodeDirectory } from '@slotcast/topics';
import type { SessionRequest, SessionRound } from './session-request.ts';

/** What came of an adoption. */
export interface AdoptedSlot {
  readonly slot: SlotName;
  /** False when it was slotcast's already. */
  readonly adopted: boolean;
}

/** What an adoption looks at. */
type AdoptionRound = Pick<SessionRound, 'view' | 'settled' | 'alarm' | 'writer'>;

/** Makes a slot on this standby that slotcast did not make its own, if that is safe. */
export class Adoption implements SessionRequest {
  readonly result: Promise<AdoptedSlot>;
  readonly signal: AbortSignal;
  readonly #slot: SlotName;
  readonly #policy: Pick<PlanPolicy, 'wanted'>;
  readonly #directory: NodeDirectory;
  readonly #sessions: DatabaseSessions;
  readonly #clock: Clock;
  #resolve: (adopted: AdoptedSlot) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: {
    slot: SlotName;
    policy: Pick<PlanPolicy, 'wanted'>;
    directory: NodeDirectory;
    sessions: DatabaseSessions;
    clock: Clock;
    signal: AbortSignal;
  }) {
    this.#slot = options.slot;
    this.#policy = options.policy;
    this.#directory = options.directory;
    this.#sessions = options.sessions;
    this.#clock = options.clock;
    this.signal = options.signal;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  async answer(round: AdoptionRound): Promise<boolean> {
    try {
      this.#resolve(await this.#adopt(round));
    } catch (error) {
      this.#reject(error);
      if (!(error instanceof SlotcastError)) {
        throw error;
      }
    }
    return true;
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  async #adopt({ view, settled, alarm, writer }: AdoptionRound): Promise<AdoptedSlot> {
    const { manifest, desired, furthest } = settled;
    const slot = this.#slot;
    if (manifest === undefined) {
      throw new SlotcastError(
        'SC_NO_MANIFEST',
        'no publisher has written anything that this server has replayed',
      );
    }
    if (alarm !== undefined) {
      throw new SlotcastError('SC_ADOPT_REFUSED', reasonText([alarm]));
    }
    const local = view.slots.find((candidate) => candidate.name === slot && !candidate.temporary);
    const owned = this.#directory.ownership.get(slot);
    const known = { event: desired.get(slot), furthest: furthest.get(slot) };
    const isCarried = (state: PhysicalSlotState): boolean =>
      this.#policy.wanted(state) && view.settings.primarySlotName !== state.name;
    const verdict = judgeAdoption({ slot, local, ...known, manifest, owned, isCarried });
    if (verdict.kind === 'refuse') {
      throw new SlotcastError('SC_ADOPT_REFUSED', verdict.reason);
    }
    if (verdict.kind === 'owned') {
      return { slot, adopted: false };
    }
    await this.#tryDecoding(local);
    const time = this.#clock.now();
    await this.#directory.write(writer, {
      slots: [
        {
          kind: 'node_slot',
          node: this.#directory.node,
          slot,
          role: 'standby',
          ownership: verdict.ownership,
          state: 'catching_up',
          reasons: [reason('adopted')],
          restartLsn: local?.restartLsn,
          confirmedFlushLsn: local?.confirmedFlushLsn,
          time,
        },
      ],
      time,
    });
    return { slot, adopted: true };
  }

  /** A move to where it stands reads all WAL that the slot needs up to there, and changes nothing. */
  async #tryDecoding(local: LocalSlot | undefined): Promise<void> {
    if (local?.confirmedFlushLsn === undefined) {
      return;
    }
    const { name, confirmedFlushLsn } = local;
    try {
      await advanceSlot(await this.#sessions.get(databaseOf(local)), { name, target: confirmedFlushLsn });
    } catch (error) {
      if (!isPostgresError(error)) {
        throw error;
      }
      const { remedy } = classifyPostgresError(error);
      const reason = `${name} cannot be decoded from here: ${describePostgresError(error)}; ${remedy}`;
      throw new SlotcastError('SC_ADOPT_REFUSED', reason);
    }
  }
}
