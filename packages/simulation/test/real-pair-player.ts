import { isLogical, type Lsn, type SlotName, type SlotState } from '@slotcast/domain';
import {
  copySlots,
  createLogicalSlot,
  createTemporarySlot,
  dropSlot,
  logStandbySnapshot,
  observePrimary,
  observeStandby,
  type PostgresConnection,
  readWalEnd,
} from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import type { ServerName, Side } from './real-pair-sides.ts';

/** Tells what it decodes in words, and needs no publication. */
export const PLUGIN = 'test_decoding';
/** A position at the beginning of a page may be told with or without its header. */
const PAGE_BYTES = 8192n;
const HEADER_BYTES = 40n;

/** Where WAL ended after each step, and the next transaction id then. */
interface Mark {
  readonly lsn: Lsn;
  readonly nextXid: number;
}

/** What is compared of a slot. */
export interface SlotPlace {
  readonly name: string;
  readonly temporary: boolean;
  readonly active: boolean;
  readonly invalidated: boolean;
  readonly twoPhase: boolean;
  readonly twoPhaseAt: string | undefined;
  readonly confirmed: string | undefined;
  readonly restart: string | undefined;
  readonly catalogXmin: number | undefined;
}

/** One of the two pairs, and what is known of it. */
export class Player {
  readonly side: Side;
  readonly marks: Mark[] = [];
  #primary: ServerName = 'a';

  constructor(side: Side) {
    this.side = side;
  }

  async mark(): Promise<void> {
    await this.side.settle();
    const { flushLsn, nextXid } = await this.side.on(this.#primary, readWalEnd);
    this.marks.push({ lsn: flushLsn, nextXid });
  }

  async promote(): Promise<void> {
    await this.side.stop('a');
    await this.side.promote();
    this.#primary = 'b';
    await this.side.checkpoint('b');
  }

  async places(server: ServerName): Promise<readonly SlotPlace[]> {
    const look = server === this.#primary ? slotsOfPrimary : slotsOfStandby;
    const slots = await this.side.on(server, look);
    const base = this.marks[0]?.nextXid ?? 0;
    return slots
      .filter((slot) => isLogical(slot))
      .map((slot) => ({
        name: slot.name,
        temporary: 'temporary' in slot && slot.temporary === true,
        active: slot.active,
        invalidated: slot.invalidationReason !== undefined,
        twoPhase: slot.twoPhase,
        twoPhaseAt: this.#rank(slot.twoPhaseAt),
        confirmed: this.#rank(slot.confirmedFlushLsn),
        restart: this.#rank(slot.restartLsn),
        // On the primary it also depends on when the standby last told its own, which comes when it likes.
        catalogXmin: slot.catalogXmin === undefined || server === 'a' ? undefined : slot.catalogXmin - base,
      }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** At or between which marks a position lies. */
  #rank(position: Lsn | undefined): string | undefined {
    if (position === undefined) {
      return undefined;
    }
    const index = this.marks.findIndex(
      ({ lsn }) => lsn + (lsn % PAGE_BYTES === 0n ? HEADER_BYTES : 0n) >= position,
    );
    const at = this.marks[index];
    return at !== undefined && position >= at.lsn ? `at ${index}` : `before ${index}`;
  }

  /** Makes a slot on the standby, ending the transactions that it waits for one after the other. */
  async create(
    name: SlotName,
    twoPhase: boolean,
    ends: readonly ((side: Side) => Promise<void>)[],
  ): Promise<void> {
    const { side } = this;
    const made = twoPhase ? name : 'made';
    const isBegun = async (): Promise<boolean> => (await this.places('b')).some((slot) => slot.name === made);
    const helped = (async () => {
      await waitUntil(isBegun, { describe: 'the creation has begun' });
      for (const end of [...ends, undefined]) {
        await side.on('a', logStandbySnapshot);
        await side.settle();
        await end?.(side);
      }
    })();
    const created = side.on('b', (session) => this.#createOn(session, name, twoPhase), 'creations');
    // Where it fails the transactions end all the same, before the next step.
    await Promise.allSettled([created, helped]);
    await Promise.all([created, helped]);
  }

  async #createOn(session: PostgresConnection, name: SlotName, twoPhase: boolean): Promise<void> {
    if (twoPhase) {
      await createLogicalSlot(session, { name, plugin: PLUGIN, onStandbyOnly: true, twoPhase });
      return;
    }
    await createTemporarySlot(session, { name: 'made', plugin: PLUGIN, onStandbyOnly: true });
    await copySlots(session, { source: 'made', targets: [{ slot: name, plugin: PLUGIN }] });
    await dropSlot(session, 'made');
  }
}

async function slotsOfPrimary(session: PostgresConnection): Promise<readonly SlotState[]> {
  const seen = await observePrimary(session);
  return seen.inRecovery ? [] : seen.slots;
}

async function slotsOfStandby(
  session: PostgresConnection,
): Promise<readonly (SlotState & { temporary?: boolean })[]> {
  const seen = await observeStandby(session);
  return seen.inRecovery ? seen.slots : [];
}
