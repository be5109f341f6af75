import assert from 'node:assert/strict';
import { type Lsn, parseSlotName, type SlotName } from '@slotcast/domain';
import {
  advanceSlot,
  copySlots,
  createLogicalSlot,
  dropSlot,
  logStandbySnapshot,
  moveSlots,
  remakeSlot,
} from '@slotcast/postgres';
import { SeededRandom } from '../src/time/chance.ts';
import { PLUGIN, type Player } from './real-pair-player.ts';
import { type ServerName, type Side, WRITERS, type Writer } from './real-pair-sides.ts';

const NAMES: readonly SlotName[] = ['one', 'two', 'three'].map(parseSlotName);

/** How often a step is of which kind. */
const WEIGHTS = [
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
  ['remake', 3],
  ['consume', 4],
  ['drop', 1],
  ['crash', 1],
  ['restart', 1],
] as const;

export type Step = (player: Player) => Promise<unknown>;

/** Draws the next step from what the story has brought about so far; both players then do the same. */
export class Story {
  readonly #random: SeededRandom;
  readonly #open = new Set<Writer>();
  readonly #prepared = new Set<string>();
  #rows = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** What lets the background writer of the primary begin its pause anew. */
  restart(): readonly [string, Step] {
    this.#open.clear();
    return ['restart a', ({ side }) => side.restart('a')];
  }

  next(marks: number): readonly [string, Step] {
    this.#steps += 1;
    if (this.#steps === 2) {
      return this.#create();
    }
    if (this.#steps === 3) {
      return this.#createOnPrimary();
    }
    const kind = this.#random.weighted(WEIGHTS);
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
      case 'remake':
        return this.#remake(marks);
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
    const twoPhase = this.#random.chance(30);
    return [
      `create ${name} ${twoPhase ? 'two_phase ' : ''}on b, ending ${[...open, ...prepared].join()}`,
      (player) => player.create(name, twoPhase, ends),
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

  /** Of two slots, whether or not the first may be made anew from the second. */
  #remake(marks: number): readonly [string, Step] {
    const slot = this.#random.pick(NAMES);
    const leader = this.#random.pick(NAMES.filter((name) => name !== slot));
    const mark = Math.max(0, marks - 1 - this.#random.below(4));
    const remake: Step = async (player) => {
      const confirmed = player.marks[mark]?.lsn;
      assert.ok(confirmed !== undefined);
      const outcome = await player.side.on('b', (session) =>
        remakeSlot(session, { slot, leader, plugin: PLUGIN, confirmed }, 10_000),
      );
      return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    };
    return [`make ${slot} anew from ${leader} for ${mark}`, remake];
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
