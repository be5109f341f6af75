import type { Link, LinkState } from '../types.ts';
import type { ServerCore, Streamer } from './core.ts';
import { replayUpTo } from './replay.ts';
import { changeSlot, newSlot, type Slot, saveSlot } from './slot.ts';

/** `wal_receiver_timeout` and `wal_sender_timeout`: so long a silent connection counts as one. */
const SILENCE_MS = 60_000;
/** The longest that WAL is on its way, and that replay lags behind. */
const WAY_MS = 1;
const REPLAY_MS = 2;

/**
 * The WAL receiver of a standby with its walsender, and replay. It connects while the upstream has all that the standby has; the upstream's physical slot of
 * the standby's name learns what was flushed, and now and then what the standby's slots need.
 */
export class Receiver implements Streamer {
  readonly #core: ServerCore;
  readonly #link: Link;
  #upstream: ServerCore | undefined;
  #isStreaming = false;
  #isPumpDue = false;
  #isReplayDue = false;
  #silentSince: number | undefined;
  #ways = 0;
  /** Counts what was begun, so that older timers end. */
  #round = 0;

  constructor(core: ServerCore) {
    this.#core = core;
    this.#link = core.world.link(`stream:${core.node}`);
    this.#link.onChange((state) => this.#onLink(state));
  }

  get upstream(): ServerCore | undefined {
    return this.#upstream;
  }

  /** The status of `pg_stat_wal_receiver`. */
  get isStreaming(): boolean {
    return this.#isStreaming;
  }

  /** The timeline that is streamed. */
  get receivedTimeline(): number {
    const { wal, timeline } = this.#core;
    return wal.length === 0 ? timeline : wal.at(wal.length - 1).timeline;
  }

  /** Streams from another server from now on, with a slot made for it where there is none; from none when absent. */
  follow(upstream: ServerCore | undefined): void {
    this.#disconnect();
    this.#upstream?.streamers.delete(this);
    this.#upstream = upstream;
    upstream?.streamers.add(this);
    if (upstream !== undefined) {
      reserveSlot(upstream, this.#core.node);
    }
    this.begin();
  }

  /** What a start of the standby sets in motion. */
  begin(): void {
    this.#round += 1;
    this.#isPumpDue = false;
    this.#isReplayDue = false;
    if (this.#isStandby()) {
      this.#replaySoon();
      this.#tick(this.#round);
    }
  }

  /** Its server has stopped, or is promoted. */
  end(): void {
    this.#round += 1;
    this.#disconnect();
  }

  /** Lets replay go on after a pause. */
  resume(): void {
    this.#replaySoon();
  }

  look(): void {
    if (this.#upstream?.running !== true) {
      this.#disconnect();
    } else if (this.#isStreaming) {
      this.#pumpSoon();
    }
  }

  finish(): void {
    if (this.#isStreaming && this.#link.state === 'up') {
      this.#pump();
    }
  }

  #isStandby(): boolean {
    return this.#core.running && this.#core.inRecovery;
  }

  #tick(round: number): void {
    if (round !== this.#round || !this.#isStandby() || this.#upstream === undefined) {
      return;
    }
    if (!this.#isStreaming) {
      this.#connect();
    } else if (this.#link.state === 'up') {
      this.#sendFeedback();
    }
    this.#core.world.after(this.#core.settings.statusIntervalMs, () => this.#tick(round));
  }

  #connect(): void {
    const { wal } = this.#core;
    const upstream = this.#upstream;
    const isPossible =
      upstream?.running === true &&
      this.#link.state === 'up' &&
      wal.length <= available(upstream) &&
      wal.sharedWith(upstream.wal) === wal.length &&
      (upstream.wal.length === wal.length || upstream.wal.at(wal.length).start >= upstream.oldestWal);
    if (upstream === undefined || !isPossible) {
      return;
    }
    const slot = upstream.slots.find(this.#core.node);
    if (slot === undefined || slot.activePid !== undefined) {
      return;
    }
    changeSlot(slot, { activePid: upstream.nextPid(), inactiveSince: undefined });
    this.#isStreaming = true;
    this.#core.tellReaders();
    this.#sendFeedback();
    this.#pumpSoon();
  }

  #disconnect(): void {
    if (!this.#isStreaming || this.#upstream === undefined) {
      return;
    }
    this.#isStreaming = false;
    this.#core.tellReaders();
    const slot = this.#upstream.slots.find(this.#core.node);
    if (slot?.activePid !== undefined) {
      this.#upstream.slots.release(slot, this.#upstream.nowMs);
    }
  }

  #onLink(state: LinkState): void {
    this.#silentSince = state === 'silent' ? this.#core.world.now : undefined;
    switch (state) {
      case 'up':
        this.look();
        return;
      case 'refusing':
        this.#disconnect();
        return;
      case 'silent': {
        const since = this.#silentSince;
        this.#core.world.after(SILENCE_MS, () => {
          if (this.#silentSince === since) {
            this.#disconnect();
          }
        });
      }
    }
  }

  #pumpSoon(): void {
    if (!this.#isPumpDue) {
      this.#isPumpDue = true;
      const round = this.#round;
      this.#core.world.after(this.#way('stream') * WAY_MS, () => {
        this.#isPumpDue = false;
        if (round === this.#round) {
          this.#pump();
        }
      });
    }
  }

  #pump(): void {
    const upstream = this.#upstream;
    if (upstream?.running !== true || !this.#isStreaming || this.#link.state !== 'up' || !this.#isStandby()) {
      return;
    }
    const { wal } = this.#core;
    const until = available(upstream);
    if (wal.length >= until) {
      return;
    }
    for (let index = wal.length; index < until; index += 1) {
      wal.receive(upstream.wal.at(index));
    }
    this.#core.flushed = wal.length;
    const slot = upstream.slots.find(this.#core.node);
    if (slot !== undefined) {
      changeSlot(slot, { restartLsn: wal.end, dirty: true });
    }
    this.#core.tellStreamers();
    this.#replaySoon();
  }

  #replaySoon(): void {
    if (!this.#isReplayDue && !this.#core.replayPaused) {
      this.#isReplayDue = true;
      const round = this.#round;
      this.#core.world.after(this.#way('replay') * REPLAY_MS, () => {
        if (round !== this.#round) {
          return;
        }
        this.#isReplayDue = false;
        if (this.#isStandby() && !this.#core.replayPaused) {
          replayUpTo(this.#core, this.#core.wal.length);
        }
      });
    }
  }

  /** `XLogWalRcvSendHSFeedback`. */
  #sendFeedback(): void {
    const slot = this.#upstream?.slots.find(this.#core.node);
    if (slot === undefined) {
      return;
    }
    const catalogXmin = this.#core.settings.hotStandbyFeedback
      ? this.#core.slots.oldestCatalogXmin()
      : undefined;
    if (slot.catalogXmin !== catalogXmin) {
      changeSlot(slot, { catalogXmin, dirty: true });
    }
  }

  #way(what: string): number {
    this.#ways += 1;
    return this.#core.world.chance(this.#core.node, what, this.#ways);
  }
}

/** How many records a walsender of this server may send. */
function available(server: ServerCore): number {
  return server.inRecovery ? server.wal.length : server.flushed;
}

/** The physical slot of a standby on its upstream, made when there is none. */
function reserveSlot(upstream: ServerCore, name: string): Slot {
  const known = upstream.slots.find(name);
  if (known !== undefined) {
    return known;
  }
  const slot = newSlot({
    name,
    type: 'physical',
    plugin: undefined,
    databaseOid: undefined,
    temporary: false,
    twoPhase: false,
  });
  upstream.slots.add(slot);
  changeSlot(slot, { restartLsn: upstream.inRecovery ? upstream.replayLsn : upstream.flushLsn });
  saveSlot(slot);
  upstream.slots.release(slot, upstream.nowMs);
  return slot;
}
