import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lsn, parseSlotName, type SlotName, type SlotState } from '@slotcast/domain';
import {
  advanceSlot,
  copySlots,
  createLogicalSlot,
  createTemporarySlot,
  dropSlot,
  logStandbySnapshot,
  moveSlots,
  observePrimary,
  observeStandby,
  type PostgresConnection,
  readWalEnd,
} from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import { SeededRandom } from '../src/time/chance.ts';
import { RealSide, type ServerName, type Side, TwinSide, WRITERS, type Writer } from './real-pair-sides.ts';

const PLUGIN = 'test_decoding';
const NAMES: readonly SlotName[] = ['one', 'two', 'three'].map(parseSlotName);
const STEPS = Number(process.env['REAL_PAIR_STEPS'] ?? 30);
const SEEDS = (process.env['REAL_PAIR_SEEDS'] ?? '1 2').split(' ').map(Number);
/** A position at the beginning of a page may be told with or without its header. */
const PAGE_BYTES = 8192n;
const HEADER_BYTES = 40n;

/** Where WAL ended after each step, and the next transaction id then. */
interface Mark {
  readonly lsn: Lsn;
  readonly nextXid: number;
}

/** What is compared of a slot. */
interface SlotPlace {
  readonly name: string;
  readonly temporary: boolean;
  readonly active: boolean;
  readonly invalidated: boolean;
  readonly confirmed: string | undefined;
  readonly restart: string | undefined;
  readonly catalogXmin: number | undefined;
}

/** One of the two pairs, and what is known of it. */
class Player {
  readonly side: Side;
  readonly marks: Mark[] = [];
  readonly isReal: boolean;
  #primary: ServerName = 'a';

  constructor(side: Side) {
    this.side = side;
    this.isReal = side instanceof RealSide;
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
      .filter(({ type }) => type === 'logical')
      .map((slot) => ({
        name: slot.name,
        temporary: 'temporary' in slot && slot.temporary === true,
        active: slot.active,
        invalidated: slot.invalidationReason !== undefined,
        confirmed: this.#rank(slot.confirmedFlushLsn),
        restart: this.#rank(slot.restartLsn),
        catalogXmin: slot.catalogXmin === undefined ? undefined : slot.catalogXmin - base,
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
  async create(name: SlotName, ends: readonly ((side: Side) => Promise<void>)[]): Promise<void> {
    const { side } = this;
    const isBegun = async (): Promise<boolean> =>
      (await this.places('b')).some((slot) => slot.name === 'made');
    const helped = (async () => {
      await waitUntil(isBegun, { describe: 'the creation has begun' });
      for (const end of [...ends, undefined]) {
        await side.on('a', logStandbySnapshot);
        await side.settle();
        await end?.(side);
      }
    })();
    const created = side.on('b', (session) => this.#createOn(session, name), 'creations');
    await Promise.all([created, helped]);
  }

  async #createOn(session: PostgresConnection, name: SlotName): Promise<void> {
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

type Step = (player: Player) => Promise<unknown>;

/** Draws the next step from what the story has brought about so far; both players then do the same. */
class Story {
  readonly #random: SeededRandom;
  readonly #open = new Set<Writer>();
  readonly #prepared = new Set<string>();
  #rows = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  next(marks: number): readonly [string, Step] {
    this.#steps += 1;
    if (this.#steps === 2) {
      return this.#create();
    }
    if (this.#steps === 3) {
      return this.#createOnPrimary();
    }
    const kind = this.#random.weighted([
      ['write', 8],
      ['commit', 5],
      ['rollback', 1],
      ['change catalog', 2],
      ['prepare', 2],
      ['finish', 2],
      ['running', 5],
      ['checkpoint', 2],
      ['create', 3],
      ['create on primary', 1],
      ['advance', 8],
      ['move', 5],
      ['copy', 2],
      ['consume', 4],
      ['drop', 1],
      ['crash', 1],
      ['restart', 1],
    ] as const);
    switch (kind) {
      case 'write':
        return this.#write();
      case 'commit':
      case 'rollback':
        return this.#end(kind);
      case 'change catalog': {
        const [writer] = this.#open;
        return writer === undefined
          ? this.#write()
          : [`${kind} in ${writer}`, ({ side }) => side.changeCatalog(writer)];
      }
      case 'prepare':
        return this.#prepare();
      case 'finish':
        return this.#finish();
      case 'running':
        return [kind, ({ side }) => side.on('a', logStandbySnapshot)];
      case 'checkpoint': {
        const server = this.#server();
        return [`${kind} ${server}`, ({ side }) => side.checkpoint(server)];
      }
      case 'create':
        return this.#create();
      case 'create on primary':
        return this.#createOnPrimary();
      case 'advance':
      case 'move':
        return this.#go(kind, marks);
      case 'copy':
        return this.#copy();
      case 'consume': {
        const server = this.#server();
        const name = this.#random.pick(NAMES);
        const consume: Step = async ({ side }) => `rows ${(await side.consume(server, name)).join()}`;
        return [`consume ${name} on ${server}`, consume];
      }
      case 'drop': {
        const server = this.#server();
        const name = this.#random.pick(NAMES);
        return [
          `drop ${name} on ${server}`,
          ({ side }) => side.on(server, (session) => dropSlot(session, name)),
        ];
      }
      case 'crash':
      case 'restart': {
        const server = this.#server();
        if (server === 'a') {
          this.#open.clear();
        }
        return [`${kind} ${server}`, ({ side }) => side[kind](server)];
      }
    }
  }

  #server(): ServerName {
    return this.#random.chance(25) ? 'a' : 'b';
  }

  #write(): readonly [string, Step] {
    const writer = this.#random.pick(WRITERS);
    this.#open.add(writer);
    const rows = Array.from({ length: 1 + this.#random.below(2) }, () => ++this.#rows);
    return [`write ${rows.join()} in ${writer}`, ({ side }) => side.write(writer, rows)];
  }

  #end(how: 'commit' | 'rollback'): readonly [string, Step] {
    if (this.#open.size === 0) {
      return this.#write();
    }
    const writer = this.#random.pick([...this.#open]);
    this.#open.delete(writer);
    return [`${how} ${writer}`, ({ side }) => side[how](writer)];
  }

  #prepare(): readonly [string, Step] {
    const [writer] = this.#open;
    if (writer === undefined) {
      return this.#write();
    }
    this.#open.delete(writer);
    const gid = `prepared_${this.#steps}`;
    this.#prepared.add(gid);
    return [`prepare ${writer} as ${gid}`, ({ side }) => side.prepare(writer, gid)];
  }

  #finish(): readonly [string, Step] {
    const [gid] = this.#prepared;
    if (gid === undefined) {
      return this.#write();
    }
    this.#prepared.delete(gid);
    const how = this.#random.chance(70) ? 'commit' : 'rollback';
    return [`${how} ${gid}`, ({ side }) => side.finish(gid, how)];
  }

  #create(): readonly [string, Step] {
    const name = this.#random.pick(NAMES);
    const open = [...this.#open];
    const prepared = [...this.#prepared];
    this.#open.clear();
    this.#prepared.clear();
    const ends = [
      ...open.map((writer) => (side: Side) => side.commit(writer)),
      ...prepared.map((gid) => (side: Side) => side.finish(gid, 'commit')),
    ];
    return [
      `create ${name} on b, ending ${[...open, ...prepared].join()}`,
      (player) => player.create(name, ends),
    ];
  }

  #createOnPrimary(): readonly [string, Step] {
    const name = this.#random.pick(NAMES);
    if (this.#open.size > 0) {
      return this.#end('commit');
    }
    if (this.#prepared.size > 0) {
      return this.#finish();
    }
    const slot = { name, plugin: PLUGIN, twoPhase: false };
    return [`create ${name} on a`, ({ side }) => side.on('a', (session) => createLogicalSlot(session, slot))];
  }

  #go(how: 'advance' | 'move', marks: number): readonly [string, Step] {
    const server = how === 'move' ? 'b' : this.#server();
    const name = this.#random.pick(NAMES);
    const mark = Math.max(0, marks - 1 - this.#random.below(4));
    const targetOf = ({ marks: known }: Player): Lsn => {
      const { lsn } = known[mark] ?? {};
      assert.ok(lsn !== undefined);
      return lsn;
    };
    const advance: Step = (player) => {
      const target = targetOf(player);
      return player.side.on(server, (session) => advanceSlot(session, { name, target }));
    };
    const move: Step = async (player) => {
      const target = targetOf(player);
      const moves = [{ name, plugin: PLUGIN, target }];
      const outcomes = await player.side.on(
        server,
        (session) => moveSlots(session, moves, { upTo: target }),
        'moves',
      );
      const [outcome] = outcomes;
      return outcome?.kind === 'refused' ? outcome.error.code : outcome?.kind;
    };
    return [`${how} ${name} on ${server} to ${mark}`, how === 'move' ? move : advance];
  }

  #copy(): readonly [string, Step] {
    const server = this.#server();
    const source = this.#random.pick(NAMES);
    const slot = this.#random.pick(NAMES);
    const targets = [{ slot, plugin: PLUGIN }];
    const onPromoted = server === 'a';
    return [
      `copy ${source} to ${slot} on ${server}`,
      ({ side }) =>
        onPromoted
          ? Promise.resolve()
          : side.on(server, (session) => copySlots(session, { source, targets })),
    ];
  }
}

/** What became of a step, as far as both have to agree: the error's SQLSTATE, or what is no object. */
async function outcomeOf(player: Player, step: Step): Promise<unknown> {
  try {
    const value = await step(player);
    return typeof value === 'string' ? value : 'done';
  } catch (error) {
    assert.ok(error instanceof Error);
    return 'code' in error && typeof error.code === 'string' ? error.code : `${error.name}: ${error.message}`;
  }
}

async function compare(real: Player, twin: Player, told: readonly string[]): Promise<void> {
  for (const server of ['a', 'b'] as const) {
    const [expected, actual] = await Promise.all([real.places(server), twin.places(server)]);
    assert.deepEqual(actual, expected, `slots of ${server} after:\n${told.join('\n')}`);
  }
}

async function play(seed: number): Promise<void> {
  await using realSide = await RealSide.start();
  const real = new Player(realSide);
  const twin = new Player(new TwinSide(seed));
  const players = [twin, real];
  await Promise.all(players.map(({ side }) => side.checkpoint('a')));
  await Promise.all(players.map((player) => player.mark()));
  const story = new Story(seed);
  const told: string[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const [what, work] = story.next(real.marks.length);
    told.push(`${real.marks.length}: ${what}`);
    const [ofTwin, ofReal] = await Promise.all(players.map((player) => outcomeOf(player, work)));
    told.push(`   ${String(ofReal)}`);
    assert.equal(ofTwin, ofReal, told.join('\n'));
    await Promise.all(players.map((player) => player.mark()));
    await compare(real, twin, told);
  }
  await Promise.all(players.map((player) => player.promote()));
  for (const writer of WRITERS) {
    await Promise.all(players.map((player) => player.side.write(writer, [1_000 + writer])));
    await Promise.all(players.map((player) => player.side.commit(writer)));
  }
  await Promise.all(players.map((player) => player.side.settle()));
  for (const { name } of await real.places('b')) {
    const [ofTwin, ofReal] = await Promise.all(players.map((player) => player.side.content('b', name)));
    assert.deepEqual(ofTwin, ofReal, `rows of ${name} after:\n${told.join('\n')}`);
  }
}

describe('the twin and a real pair of servers of 18 do the same, step by step', () => {
  for (const seed of SEEDS) {
    it(`in the history of seed ${seed}`, { timeout: 120_000 }, () => play(seed));
  }
});
