import assert from 'node:assert/strict';
import { parseSlotName } from '@slotcast/domain';
import {
  connectPostgres,
  copySlots,
  createTemporarySlot,
  dropSlot,
  flushWal,
  logStandbySnapshot,
  type PostgresConnection,
} from '@slotcast/postgres';
import { Server } from '../src/postgres/server.ts';
import type { ServerSettings } from '../src/postgres/settings.ts';
import type { SimProcess } from '../src/types.ts';
import { SimWorld } from '../src/world/sim-world.ts';

/** A primary and a standby that streams from it, and a process that asks them. */
export class Pair {
  readonly world: SimWorld;
  readonly primary: Server;
  readonly standby: Server;
  readonly process: SimProcess;

  constructor(seed = 1, settings: Partial<ServerSettings> = {}) {
    this.world = new SimWorld(seed);
    this.process = this.world.spawn('asker', 'b');
    this.primary = Server.createPrimary(this.world, 'a', settings);
    this.standby = this.primary.addStandby('b');
  }

  /** Lets the world go on until the work is done. */
  async do<T>(work: () => Promise<T>, limitMs = 30_000): Promise<T> {
    const outcomes: ({ readonly value: T } | { readonly error: unknown })[] = [];
    const attempt = async (): Promise<void> => {
      try {
        outcomes.push({ value: await work() });
      } catch (error) {
        outcomes.push({ error });
      }
    };
    this.world.after(0, () => void attempt(), this.process);
    const until = this.world.now + limitMs;
    while (outcomes.length === 0 && this.world.now < until) {
      await this.world.run(1);
    }
    const [outcome] = outcomes;
    assert.ok(outcome !== undefined, `not done within ${limitMs} ms`);
    if ('error' in outcome) {
      throw outcome.error;
    }
    return outcome.value;
  }

  connect(server: Server, replication = false, database?: string): Promise<PostgresConnection> {
    return this.do(() =>
      connectPostgres({
        sessions: { connect: (options) => server.connect(this.process, options) },
        applicationName: 'test',
        replication,
        database,
      }),
    );
  }

  insert(count = 1): readonly number[] {
    const xid = this.primary.begin();
    const rows = this.primary.write(xid, count);
    this.primary.commit(xid);
    return rows;
  }

  /** A slot of the standby at its present end, made with the help of the primary. */
  async makeSlot(session: PostgresConnection, helper: PostgresConnection, name = 'app'): Promise<void> {
    await this.do(async () => {
      const made = createTemporarySlot(session, { name: 'made', plugin: 'pgoutput', onStandbyOnly: true });
      await logStandbySnapshot(helper);
      await flushWal(helper);
      await made;
      await copySlots(session, {
        source: 'made',
        targets: [{ slot: parseSlotName(name), plugin: 'pgoutput' }],
      });
      await dropSlot(session, 'made');
    });
  }
}
