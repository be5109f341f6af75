import type { Random } from '../types.ts';
import type { Act, Cast, ServiceName } from './act.ts';

/** A story as it is being written: its acts so far, and how things will stand after them, roughly. */
export class Draft {
  readonly acts: Act[] = [];
  readonly cast: Cast;
  readonly random: Random;
  primary: string;
  /** Servers that are down or were left behind. */
  readonly gone = new Set<string>();
  readonly cut = new Set<string>();
  readonly frozen = new Map<string, { node: string; service: ServiceName }>();
  readonly held = new Set<string>();
  readonly away = new Set<string>();
  /** When the last server came back as a standby, by pg_rewind. */
  rejoinedAt = 0;
  kafkaIsAway = false;
  /** The node whose data directory was backed up last. */
  backedUp: string | undefined;

  constructor(cast: Cast, random: Random) {
    this.cast = cast;
    this.random = random;
    this.primary = cast.nodes[0] ?? '';
  }

  add(...acts: readonly Act[]): void {
    this.acts.push(...acts);
  }

  /** How long the story takes so far. */
  get ms(): number {
    return this.acts.reduce((sum, act) => sum + (act.kind === 'wait' ? act.ms : 0), 0);
  }

  /** Mostly short; now and then long enough for a timer of the services. */
  wait(longest = 160): void {
    const { random } = this;
    const ms = random.chance(2)
      ? random.pick([1000, 2000, 4000])
      : Math.round(10 + random.next() ** 2 * longest);
    this.add({ kind: 'wait', ms });
  }

  get standbys(): readonly string[] {
    return this.cast.nodes.filter((node) => node !== this.primary && !this.gone.has(node));
  }

  anyNode(): string {
    return this.random.pick(this.cast.nodes);
  }

  anySlot(): string {
    return this.random.pick(this.cast.slots).name;
  }

  anyService(): ServiceName {
    return this.random.pick(['publisher', 'consumer']);
  }
}
