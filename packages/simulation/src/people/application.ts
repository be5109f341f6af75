import type { SimServer, World } from '../types.ts';

/** Writers on what the proxy believes to be the primary. What that server does not take is not written. */
export class Application {
  readonly #world: World;
  readonly #target: () => SimServer;

  /** Transactions that are open. */
  readonly #open = new Set<{ readonly server: SimServer; readonly xid: number }>();

  constructor(options: { world: World; target: () => SimServer }) {
    this.#world = options.world;
    this.#target = options.target;
  }

  /** Writes rows in one transaction; false when the server takes none. */
  write(rows: number): boolean {
    const server = this.#writable();
    if (server === undefined) {
      return false;
    }
    const xid = server.begin();
    server.write(xid, rows);
    server.commit(xid);
    return true;
  }

  /** Writes rows now and every `everyMs` until `ms` have passed. */
  writeEvery(everyMs: number, rows: number, ms: number): void {
    const until = this.#world.now + ms;
    const turn = (): void => {
      if (this.#world.now <= until) {
        this.write(rows);
        this.#world.after(everyMs, turn);
      }
    };
    turn();
  }

  /** Writes WAL without rows, such as that of another database or of an index. */
  bulk(bytes: number): void {
    this.#writable()?.bulk(bytes);
  }

  /** A transaction that stays open for a while. One that its server does not survive is gone. */
  writeSlowly(rows: number, ms: number): void {
    const server = this.#writable();
    if (server === undefined) {
      return;
    }
    const open = { server, xid: server.begin() };
    server.write(open.xid, rows);
    this.#open.add(open);
    this.#world.after(ms, () => {
      if (this.#open.delete(open)) {
        server.commit(open.xid);
      }
    });
  }

  /** The sessions with a server have ended, and what was open there is rolled back. */
  lost(server: SimServer): void {
    for (const open of this.#open) {
      if (open.server === server) {
        this.#open.delete(open);
      }
    }
  }

  /** Writes without a pause as soon as the server leaves recovery. */
  hammer(server: SimServer, ms: number): void {
    const until = this.#world.now + ms;
    const turn = (): void => {
      if (this.#world.now > until) {
        return;
      }
      if (server.running && !server.inRecovery && this.#target() === server) {
        this.write(1);
      }
      this.#world.after(1, turn);
    };
    turn();
  }

  #writable(): SimServer | undefined {
    const server = this.#target();
    return server.running && !server.inRecovery ? server : undefined;
  }
}
