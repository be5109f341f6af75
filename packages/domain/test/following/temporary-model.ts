import assert from 'node:assert/strict';
import {
  databaseKey,
  type LocalLogicalSlot,
  type Lsn,
  type MakingPin,
  type Probe,
  type SlotAction,
  type SlotDatabase,
} from '@slotcast/domain';
import { saying } from '../reason-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';
import { type Creation, rowOf } from './standby-parts.ts';

/** The temporary slots of a consumer: the anchor, and one per database to copy from. They end with the consumer. */
export class TemporaryModel {
  readonly #server: { readonly replayLsn: Lsn };
  readonly #probes = new Map<string, Creation>();
  /** Its point is where its pin shows on the primary. */
  #anchor: Creation | undefined;

  constructor(server: { readonly replayLsn: Lsn }) {
    this.#server = server;
  }

  get size(): number {
    return this.#probes.size + (this.anchored ? 1 : 0);
  }

  get anchored(): boolean {
    return this.#anchor !== undefined;
  }

  get isProbed(): boolean {
    return this.#probes.size > 0;
  }

  /** As far as replay lets them come. */
  get probes(): ReadonlyMap<string, Probe> {
    return new Map([...this.#probes].map(([database, probe]) => [database, this.#seen(probe)]));
  }

  /** What holds back catalog rows: a probe, which was begun under another one, or the anchor. */
  get making(): MakingPin {
    if (this.isProbed || (this.#anchor !== undefined && this.#isReached(this.#anchor))) {
      return { kind: 'held', under: 'slotcast_tmp_0' };
    }
    return this.#anchor === undefined
      ? { kind: 'none' }
      : { kind: 'awaited', reasons: [saying('waits for the pin')], wantsWal: false };
  }

  get rows(): LocalLogicalSlot[] {
    const all = [...(this.#anchor === undefined ? [] : [this.#anchor]), ...this.#probes.values()];
    return all.map((slot, index) => {
      const traits = { confirmedFlushLsn: this.#seen(slot).consistentPoint, ...rowOf(slot.database) };
      return { ...logicalSlot(`slotcast_tmp_${index}`, traits), temporary: true };
    });
  }

  /** The consistent point of a database's probe, as far as it has one. */
  pointOf(database: SlotDatabase): Lsn | undefined {
    return this.probes.get(databaseKey(database))?.consistentPoint;
  }

  make(action: Extract<SlotAction, { kind: 'anchor' | 'probe' }>, consistentPoint: Lsn): void {
    if (action.kind === 'anchor') {
      assert.ok(!this.anchored, 'made a second anchor');
      this.#anchor = { ...action, consistentPoint };
      return;
    }
    assert.equal(this.making.kind, 'held', 'begun before catalog rows were held back');
    assert.ok(!this.#probes.has(databaseKey(action.database)), 'made a second temporary slot');
    this.#probes.set(databaseKey(action.database), { ...action, consistentPoint });
  }

  dropProbe(database: string): void {
    this.#probes.delete(database);
  }

  dropAnchor(): void {
    this.#anchor = undefined;
  }

  clear(): void {
    this.#probes.clear();
    this.dropAnchor();
  }

  #seen(slot: Creation): Probe {
    return this.#isReached(slot) ? { consistentPoint: slot.consistentPoint } : {};
  }

  #isReached({ consistentPoint }: Creation): boolean {
    return consistentPoint <= this.#server.replayLsn;
  }
}
