import assert from 'node:assert/strict';
import { formatLsn, type Lsn, minLsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import {
  advanceSlots,
  connectPostgres,
  copySlot,
  createLogicalSlot,
  createTemporarySlot,
  enableTwoPhase,
  moveSlots,
  type PostgresConnection,
  remakeSlot,
} from '@slotcast/postgres';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import type { RandomSource } from './random-source.ts';
import type { SlotReading } from './slot-content.ts';

/** How a slot on a standby is brought to the positions that its subscriber confirms. */
const WAYS = ['never moved', 'advanced', 'moved', 'mixed', 'remade', 'renewed'] as const;
type Way = (typeof WAYS)[number];

export interface SlotCopy extends SlotReading {
  readonly name: SlotName;
  readonly way: Way;
  /** Where the slot began. */
  readonly begins: Lsn;
  /** What its subscriber has confirmed. */
  confirmed: Lsn;
  /** Where it stood last. */
  position: Lsn;
}

/** Where a copy is to go. */
export interface Confirmation {
  readonly copy: SlotCopy;
  readonly target: Lsn;
}

interface Seen {
  readonly position: Lsn;
  readonly restartLsn: string;
  readonly catalogXmin: string;
}

/** Made from a leading slot: from a copy of one of them, or from one that has started amid the history. */
const FROM_LEADER: ReadonlySet<Way> = new Set(['remade', 'renewed']);
const LEADER = parseSlotName('content_leader');
const NEW_LEADER = parseSlotName('content_new_leader');
const KINDS: readonly SlotReading[] = [
  { plugin: 'test_decoding', twoPhase: false },
  { plugin: 'pgoutput', twoPhase: false },
  { plugin: 'test_decoding', twoPhase: true },
  { plugin: 'pgoutput', twoPhase: true },
];

/** Slots on a standby that are brought to the same content in different ways. */
export class SlotCopies {
  readonly #standby: PostgresServer;
  readonly #random: RandomSource;
  readonly copies: readonly SlotCopy[];
  /** How often a slot was made anew; it is not when that would gain nothing. */
  remade = 0;
  readonly #renewed = new Set<SlotName>();
  #sql: PostgresConnection;
  #walsender: PostgresConnection;
  readonly #newLeader = new NewLeader();

  private constructor(options: {
    standby: PostgresServer;
    random: RandomSource;
    copies: readonly SlotCopy[];
    sql: PostgresConnection;
    walsender: PostgresConnection;
  }) {
    this.#standby = options.standby;
    this.#random = options.random;
    this.copies = options.copies;
    this.#sql = options.sql;
    this.#walsender = options.walsender;
  }

  /** Makes the slots, once the primary is seen to keep what they need. A copy loses two_phase: one of pgoutput gets it back, the others are made one by one. */
  static async make(
    primary: PostgresServer,
    standby: PostgresServer,
    random: RandomSource,
  ): Promise<SlotCopies> {
    const sql = await connect(standby, false);
    for (const kind of KINDS) {
      await primary.query('select pg_create_logical_replication_slot($1, $2, false, $3)', [
        nameOf(kind, WAYS[0]),
        kind.plugin,
        kind.twoPhase,
      ]);
    }
    await nudged(primary, () => createLogicalSlot(sql, { name: 'pin', plugin: 'pgoutput', twoPhase: false }));
    await primary.waitFor(
      "select from pg_replication_slots where slot_type = 'physical' and catalog_xmin is not null",
      (rows) => rows.length === 1,
    );
    const walsender = await connect(standby, true);
    const copyOf = async (kind: SlotReading, target: SlotName): Promise<Lsn> => {
      const source = nameOf({ ...kind, twoPhase: false }, WAYS[0]);
      const { confirmedFlushLsn } = await copySlot(sql, { source, target, plugin: kind.plugin });
      if (kind.twoPhase) {
        await enableTwoPhase(walsender, target, {});
      }
      return confirmedFlushLsn;
    };
    const copies: SlotCopy[] = [];
    for (const kind of KINDS) {
      const ways = WAYS.filter((way) => !(kind.twoPhase && FROM_LEADER.has(way)));
      for (const [index, way] of ways.entries()) {
        const name = nameOf(kind, way);
        const isMade = index === 0 || (kind.twoPhase && kind.plugin !== 'pgoutput');
        const begins = isMade
          ? (await nudged(primary, () => createLogicalSlot(sql, { name, ...kind }))).consistentPoint
          : await copyOf(kind, name);
        copies.push({ ...kind, name, way, begins, confirmed: begins, position: begins });
      }
    }
    await standby.query("select pg_drop_replication_slot('pin')");
    return new SlotCopies({ standby, random, copies, sql, walsender });
  }

  /** Connects again after a restart of the standby, after which slots may stand where they were saved last. */
  async reconnect(): Promise<void> {
    await this.close();
    this.#sql = await connect(this.#standby, false);
    this.#walsender = await connect(this.#standby, true);
    await this.check({ restarted: true });
  }

  /** A new leading slot starts as soon as it can, whatever goes on meanwhile. */
  beginNewLeader(): void {
    this.#newLeader.begin(this.#standby);
  }

  /** Where it has not started yet, it does not. */
  async endNewLeader(): Promise<void> {
    await this.#newLeader.end();
  }

  /** Brings each copy to its target in its own way, `candidates` being positions on the way. None is beyond `upTo`. */
  async bring(due: readonly Confirmation[], upTo: Lsn, candidates: readonly Lsn[]): Promise<void> {
    const moves: Confirmation[] = [];
    for (const confirmation of due) {
      const { copy, target } = confirmation;
      if (copy.way === 'never moved') {
        continue;
      }
      assert.ok(target <= upTo, 'a target beyond replay');
      copy.confirmed = target;
      if (copy.way === 'advanced' || (copy.way === 'mixed' && this.#random.chance(50))) {
        await advanceSlots(this.#sql, [{ name: copy.name, target }]);
      } else {
        moves.push(confirmation);
      }
    }
    await this.#remake(
      moves.filter(({ copy }) => copy.way === 'remade'),
      candidates,
    );
    await this.#renew(moves.filter(({ copy }) => copy.way === 'renewed'));
    await this.#moveAll(moves, upTo);
    await this.check();
  }

  /** Moves all copies to what their subscribers have confirmed, as far as this server has the WAL: as a hand-off does. */
  async handOff(switchLsn: Lsn): Promise<void> {
    const moves = this.copies
      .filter(({ way }) => way !== 'never moved')
      .map((copy) => ({ copy, target: copy.confirmed < switchLsn ? copy.confirmed : switchLsn }));
    await this.#moveAll(moves, switchLsn);
  }

  /** The slot of the same kind that was never moved. */
  stillOf(copy: SlotCopy): SlotCopy {
    const still = this.copies.find(
      ({ plugin, twoPhase, way }) =>
        plugin === copy.plugin && twoPhase === copy.twoPhase && way === 'never moved',
    );
    assert.ok(still);
    return still;
  }

  /** Sees where each slot stands: never past replay, nor past what its subscriber confirmed, and further back only after a restart. */
  async check(options: { readonly restarted?: boolean; readonly switchLsn?: Lsn } = {}): Promise<void> {
    const limit = options.switchLsn ?? (await this.replayed());
    const seen = await this.#look();
    for (const copy of this.copies) {
      const slot = seen.get(copy.name);
      assert.ok(slot, `${copy.name} is missing`);
      const stands = `${copy.name} stands at ${formatLsn(slot.position)}`;
      assert.ok(slot.position <= limit, `${stands}, past replay at ${formatLsn(limit)}`);
      assert.ok(slot.position <= copy.confirmed, `${stands}, past ${formatLsn(copy.confirmed)}`);
      if (options.restarted !== true) {
        assert.ok(slot.position >= copy.position, `${stands}, was at ${formatLsn(copy.position)}`);
      }
      copy.position = slot.position;
    }
  }

  /** How many slots were made anew from the new leading slot. */
  get renewed(): number {
    return this.#renewed.size;
  }

  async replayed(): Promise<Lsn> {
    const text = 'select pg_last_wal_replay_lsn()::text as lsn';
    const [row] = await this.#sql.run<{ lsn: string }>({ text });
    return parseLsn(row?.lsn ?? '');
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#sql.close(), this.#walsender.close(), this.#newLeader.end()]);
  }

  async #moveAll(due: readonly Confirmation[], upTo: Lsn): Promise<void> {
    const before = await this.#look();
    const moves = due.map(({ copy: { name, plugin }, target }) => ({ name, plugin, target }));
    const outcomes = await moveSlots(this.#walsender, moves, { upTo });
    const after = await this.#look();
    for (const [index, { name, target }] of moves.entries()) {
      const outcome = outcomes[index];
      assert.equal(outcome?.kind, 'moved', `${name} to ${formatLsn(target)}: ${outcome?.kind}`);
      const there = after.get(name);
      assert.equal(there?.position, target, `${name} where it was moved to`);
      const { restartLsn, catalogXmin } = before.get(name) ?? {};
      assert.deepEqual([there?.restartLsn, there?.catalogXmin], [restartLsn, catalogXmin]);
    }
  }

  /** Makes slots anew from a leading one, which decodes up to some position that none of them is before. */
  async #remake(due: readonly Confirmation[], candidates: readonly Lsn[]): Promise<void> {
    const [first] = due;
    if (first === undefined) {
      return;
    }
    const seen = await this.#look();
    const from = seen.get(LEADER)?.position ?? first.copy.position;
    if (!seen.has(LEADER)) {
      await copySlot(this.#sql, { source: first.copy.name, target: LEADER, plugin: 'test_decoding' });
    }
    const lowest = due.reduce((low, { copy }) => minLsn(low, copy.position), first.copy.position);
    const targets = candidates.filter((position) => position > from && position <= lowest);
    if (targets.length > 0) {
      await advanceSlots(this.#sql, [{ name: LEADER, target: this.#random.pick(targets) }]);
    }
    for (const { copy } of due) {
      this.remade += await this.#remakeFrom(LEADER, copy);
    }
  }

  /** Makes slots anew, once each, from the new leading slot where they stand beyond its start. */
  async #renew(due: readonly Confirmation[]): Promise<void> {
    const begins = (await this.#look()).get(NEW_LEADER)?.position;
    for (const { copy } of due) {
      if (begins !== undefined && copy.position >= begins && !this.#renewed.has(copy.name)) {
        const made = await this.#remakeFrom(NEW_LEADER, copy);
        assert.equal(made, 1, `${copy.name} was not made anew from the new leading slot`);
        this.#renewed.add(copy.name);
      }
    }
  }

  async #remakeFrom(leader: SlotName, copy: SlotCopy): Promise<number> {
    const { name: slot, plugin, position: confirmed } = copy;
    const outcome = await remakeSlot(this.#sql, { slot, leader, plugin, confirmed }, 10_000);
    if (outcome.kind === 'refused') {
      return 0;
    }
    copy.position = outcome.position;
    return 1;
  }

  async #look(): Promise<ReadonlyMap<SlotName, Seen>> {
    const text = `
      select slot_name::text, confirmed_flush_lsn::text, restart_lsn::text, catalog_xmin::text
        from pg_get_replication_slots() where confirmed_flush_lsn is not null`;
    const rows = await this.#sql.run<{
      slot_name: string;
      confirmed_flush_lsn: string;
      restart_lsn: string;
      catalog_xmin: string;
    }>({ text });
    return new Map(
      rows.map((row) => [
        parseSlotName(row.slot_name),
        {
          position: parseLsn(row.confirmed_flush_lsn),
          restartLsn: row.restart_lsn,
          catalogXmin: row.catalog_xmin,
        },
      ]),
    );
  }
}

/** A leading slot that is no copy: a temporary slot finds where it may start, and a copy of that one lasts. */
class NewLeader {
  #connection: PostgresConnection | undefined;
  #making: Promise<void> = Promise.resolve();

  begin(standby: PostgresServer): void {
    this.#making = this.#make(standby).catch((error: unknown) => {
      // It waits for transactions to end, and the server, or the history, may end before.
      assert.equal(this.#connection, undefined, String(error));
    });
  }

  async end(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
    await this.#making;
  }

  async #make(standby: PostgresServer): Promise<void> {
    const rows = await standby.query('select from pg_replication_slots where slot_name = $1', [NEW_LEADER]);
    if (rows.length > 0) {
      return;
    }
    this.#connection = await connect(standby, false);
    const plugin = 'test_decoding';
    await createTemporarySlot(this.#connection, { name: 'content_start', plugin });
    await copySlot(this.#connection, { source: 'content_start', target: NEW_LEADER, plugin });
  }
}

function nameOf({ plugin, twoPhase }: SlotReading, way: Way): SlotName {
  return parseSlotName(`${plugin}_${twoPhase ? 'two_phase_' : ''}${way.replace(' ', '_')}`);
}

function connect(server: PostgresServer, replication: boolean): Promise<PostgresConnection> {
  return connectPostgres({
    url: server.url(),
    applicationName: 'copies',
    ...(replication ? { replication } : {}),
  });
}

/** Has the primary log what a creation on its standby waits for, until it is done. */
async function nudged<T>(primary: PostgresServer, create: () => Promise<T>): Promise<T> {
  let done = false;
  const creating = create().finally(() => {
    done = true;
  });
  await waitUntil(
    async () => {
      await primary.query(
        "select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', 'flush this')",
      );
      return done;
    },
    { describe: 'the making of a slot on the standby' },
  );
  return await creating;
}
