import {
  hasSnapshot,
  LATE_MS,
  type Lsn,
  lsn,
  type Manifest,
  maxLsn,
  type NodeIdentity,
  parseLsn,
  planRebuild,
  type RebuildVerdict,
  type RecoveryTarget,
  reason,
  reasonText,
  recoveredPoint,
  type SlotState,
  type StoppedServer,
  splitBrain,
  supports,
  topicAlarm,
  topicAtPoint,
} from '@slotcast/domain';
import { type Clock, Deadline, type Logger, SlotcastError } from '@slotcast/kernel';
import {
  awaitNodeName,
  NodeDirectory,
  NodesReader,
  readAsOf,
  SlotsFeed,
  type TopicsContext,
} from '@slotcast/topics';
import { fetchHistory } from './fetch-history.ts';
import { installSlot } from './install-slot.ts';
import { checkWal } from './judge-wal.ts';
import { type DataFolder, readDataFolder } from './read-data-folder.ts';
import { requireRecoveryTarget, requireUsable, slotLimit } from './require-folder.ts';
import type { RestoreCommand } from './restore-command.ts';
import { fileOf, slotsOf } from './stopped-slots.ts';

/** Where recovery of a restored server is to end. */
export type AsOf =
  | ({ readonly kind: 'lsn' } & RecoveryTarget)
  /** Milliseconds since 1970, by the clock of the publisher's host. */
  | { readonly kind: 'time'; readonly time: number; readonly timeline: number | undefined };

export interface RebuildOptions extends Pick<NodeIdentity, 'node'> {
  readonly dataFolder: string;
  readonly asOf: AsOf | undefined;
  readonly restore: RestoreCommand | undefined;
  /** Nothing is written, neither into the folder nor to Kafka. */
  readonly dryRun: boolean;
  readonly wanted: (slot: SlotState) => boolean;
  readonly topics: TopicsContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What came of a rebuild. */
export interface Rebuilt {
  readonly folder: DataFolder;
  readonly server: StoppedServer;
  readonly verdicts: readonly RebuildVerdict[];
}

/**
 * Puts the slots of the topic into the data folder of a stopped server, as they were at the position where that is consistent. Ownership goes on record first, so that the consumer knows
 * them for its own. Throws SC_SERVER_RUNNING, SC_DATA_FOLDER, SC_OTHER_SYSTEM, SC_NO_MANIFEST, SC_REBUILD_REFUSED, SC_INSTALL_FAILED, and as the readers of topics do.
 */
export async function rebuildSlots(options: RebuildOptions): Promise<Rebuilt> {
  const folder = await readDataFolder(options.dataFolder);
  requireUsable(folder);
  const feed = new TimedFeed(options);
  const reader = new NodesReader(options.topics, { slotsOf: options.node });
  const { codec, nodesTopic } = options.topics;
  const directory = new NodeDirectory({ node: options.node, nodesTopic, codec, reader });
  try {
    for (const each of [feed.feed.reader, reader]) {
      await each.replay(options.signal);
      await each.readToWrittenEnd(options.signal);
    }
    return await new Rebuild(options, { folder, feed, directory }).run();
  } finally {
    await Promise.allSettled([feed.feed.reader.close(), reader.close()]);
  }
}

/** The slots topic, and the last position that was published by a time. */
class TimedFeed {
  readonly feed: SlotsFeed;
  lastBy: RecoveryTarget | undefined;
  /** Whatever a clock that was set back says after that. */
  #isOver = false;

  constructor({ topics, asOf }: RebuildOptions) {
    this.feed = new SlotsFeed(topics, (records) => {
      if (asOf?.kind === 'time') {
        for (const { time, lsn: position, timeline } of records) {
          this.#isOver ||= time >= asOf.time;
          this.lastBy = this.#isOver ? this.lastBy : { lsn: position, timeline };
        }
      }
    });
  }
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #folder: DataFolder;
  readonly #feed: TimedFeed;
  readonly #directory: NodeDirectory;

  constructor(
    options: RebuildOptions,
    read: { folder: DataFolder; feed: TimedFeed; directory: NodeDirectory },
  ) {
    this.#options = options;
    this.#folder = read.folder;
    this.#feed = read.feed;
    this.#directory = read.directory;
  }

  async run(): Promise<Rebuilt> {
    const { topics, signal, restore, wanted, dryRun } = this.#options;
    const manifest = this.#requireManifest();
    const server = await this.#server(manifest);
    this.#requireNoAlarm(manifest, server);
    const { feed } = this.#feed;
    if (server.goesOn === 'standby' && !supports(server.major, 'decodingOnStandby')) {
      this.#requireFeedback();
      await this.#requirePublisher();
    }
    const point = { history: server.history, replayLsn: server.consistentLsn };
    const topic = topicAtPoint(await readAsOf(feed, point, { context: topics, signal }), server);
    if ('code' in topic) {
      throw new SlotcastError('SC_REBUILD_REFUSED', reasonText([topic]));
    }
    const { ownership } = this.#directory;
    const verdicts: RebuildVerdict[] = [];
    const check = { folder: this.#folder, server, replayFrom: this.#replayFrom(), restore };
    for (const verdict of planRebuild({ server, topic, wanted, ownership })) {
      verdicts.push(await checkWal(verdict, check));
    }
    if (!dryRun) {
      await this.#install(verdicts, server);
    }
    return { folder: this.#folder, server, verdicts };
  }

  #requireManifest(): Manifest {
    const manifest = this.#feed.feed.newestManifest;
    const { slotsTopic } = this.#options.topics;
    if (manifest === undefined) {
      throw new SlotcastError('SC_NO_MANIFEST', `no publisher has written anything to ${slotsTopic}`);
    }
    const { systemIdentifier: own } = this.#folder.control;
    if (manifest.systemIdentifier !== own) {
      throw new SlotcastError(
        'SC_OTHER_SYSTEM',
        `the topic ${slotsTopic} holds slots of system identifier ${manifest.systemIdentifier}, ${this.#folder.path} has ${own}`,
      );
    }
    return manifest;
  }

  /** A restored server leaves the line of the topic on purpose. */
  #requireNoAlarm(manifest: Manifest, { goesOn, history }: StoppedServer): void {
    const { nodes } = this.#directory;
    const alarm =
      goesOn === 'standby' ? topicAlarm(manifest, history, nodes) : splitBrain(manifest, nodes.values());
    if (alarm !== undefined) {
      throw new SlotcastError('SC_REBUILD_REFUSED', reasonText([alarm]));
    }
  }

  /** That the slot on the primary still needs its catalog rows is known only from a publisher that is at work. */
  async #requirePublisher(): Promise<void> {
    const { reader } = this.#feed.feed;
    using patience = new Deadline(this.#options.signal, LATE_MS);
    try {
      while (reader.topic.manifest?.heardAtMs === undefined) {
        await reader.next(patience.signal);
      }
    } catch (error) {
      if (!patience.expired) {
        throw error;
      }
      const seconds = LATE_MS / 1000;
      throw new SlotcastError(
        'SC_REBUILD_REFUSED',
        `the publisher has written nothing for ${seconds} s: before PostgreSQL 16 nobody notices when catalog rows are gone that a slot needs, and whether the primary keeps them cannot be told without it. Start it first`,
      );
    }
  }

  async #server(manifest: Manifest): Promise<StoppedServer> {
    const folder = this.#folder;
    const { control, backupLabel, signal } = folder;
    const point = recoveredPoint(
      {
        state: control.state,
        checkpointLsn: control.checkpointLsn,
        minRecoveryLsn: control.minRecoveryPoint,
        backupStartLsn: backupLabel?.startLsn,
        history: folder.history ?? (await this.#fetchedHistory()),
        signal,
      },
      this.#target(),
      manifest.history,
    );
    if (point.kind === 'refused') {
      throw new SlotcastError('SC_REBUILD_REFUSED', `${folder.path}: ${point.why}`);
    }
    this.#requireTarget(point.history.timeline);
    return {
      ...point,
      major: folder.major,
      systemIdentifier: control.systemIdentifier,
      slots: slotsOf(folder),
      slotCount: folder.slots.length,
      maxReplicationSlots: slotLimit(folder),
    };
  }

  #requireTarget(timeline: number): void {
    const { asOf } = this.#options;
    if (asOf?.kind === 'lsn') {
      const isMet = (text: string): boolean => lsnOf(text) === asOf.lsn;
      requireRecoveryTarget(this.#folder, { setting: 'recovery_target_lsn', isMet }, timeline);
    } else if (asOf !== undefined) {
      const isMet = (text: string): boolean => Date.parse(text) === asOf.time;
      requireRecoveryTarget(this.#folder, { setting: 'recovery_target_time', isMet }, timeline);
    }
  }

  /** Before 16 nobody notices when catalog rows go between now and the standby's first feedback, or for want of it. */
  #requireFeedback(): void {
    const { hotStandbyFeedback, primarySlotName } = this.#folder.settings;
    if (!hotStandbyFeedback || primarySlotName === undefined) {
      throw new SlotcastError(
        'SC_REBUILD_REFUSED',
        `${this.#folder.path} has ${hotStandbyFeedback ? 'no primary_slot_name' : 'not set hot_standby_feedback = on'}: the primary would not keep the catalog rows that the slots need`,
      );
    }
  }

  async #fetchedHistory(): Promise<StoppedServer['history'] | undefined> {
    const { restore } = this.#options;
    if (restore === undefined) {
      return undefined;
    }
    const found = await fetchHistory(this.#folder, this.#folder.control.timeline, restore);
    return found.kind === 'found' ? found.history : undefined;
  }

  #target(): RecoveryTarget | undefined {
    const { asOf } = this.#options;
    if (asOf?.kind !== 'time') {
      return asOf;
    }
    const { lastBy } = this.#feed;
    if (lastBy === undefined) {
      const time = new Date(asOf.time).toISOString();
      throw new SlotcastError('SC_REBUILD_REFUSED', `the topic tells nothing of ${time}: it begins later`);
    }
    return { lsn: lastBy.lsn, timeline: asOf.timeline ?? lastBy.timeline };
  }

  /** From here on the server gets the WAL by itself: with a backup it asks for whole files from the one on with which replay begins. */
  #replayFrom(): Lsn {
    const { backupLabel, control } = this.#folder;
    if (backupLabel !== undefined) {
      const size = BigInt(control.walSegmentSize);
      return lsn((backupLabel.startLsn / size) * size);
    }
    return maxLsn(control.redoLsn, control.minRecoveryPoint ?? control.redoLsn);
  }

  async #install(verdicts: readonly RebuildVerdict[], server: StoppedServer): Promise<void> {
    const due = verdicts.filter((verdict) => 'installation' in verdict);
    if (due.length === 0) {
      return;
    }
    await this.#recordOwnership(due, server);
    for (const { kind, slot, installation } of due) {
      const there = this.#folder.slots.find((entry) => entry.kind === 'slot' && entry.folder === slot);
      await installSlot({
        folder: this.#folder,
        slot: fileOf(installation),
        ...(hasSnapshot(installation.snapshot) && { snapshot: installation.snapshot }),
        ...(kind === 'replace' && there?.kind === 'slot' && { replace: { expected: there.bytes } }),
      });
    }
  }

  async #recordOwnership(
    due: readonly Extract<RebuildVerdict, { readonly installation: unknown }>[],
    server: StoppedServer,
  ): Promise<void> {
    const { node, topics, clock, logger, signal } = this.#options;
    await awaitNodeName({
      // No process of the node's services, and no server that runs.
      look: async () => ({
        own: {
          node,
          instance: '',
          systemIdentifier: server.systemIdentifier,
          serverStartedAt: clock.now(),
        },
        manifest: this.#feed.feed.newestManifest,
      }),
      directory: this.#directory,
      logger,
      signal,
    });
    const writer = await this.#directory.claim({ log: topics.log, signal });
    try {
      const time = clock.now();
      const slots = due.map(({ slot, ownership, installation }) => ({
        kind: 'node_slot' as const,
        node,
        slot,
        role: 'standby' as const,
        ownership,
        state: 'catching_up' as const,
        reasons: [reason('rebuild_installed')],
        restartLsn: installation.restartLsn,
        confirmedFlushLsn: installation.confirmedFlushLsn,
        time,
      }));
      await this.#directory.write(writer, { slots, time });
    } finally {
      await writer.close();
    }
  }
}

/** `undefined` where the text is no position. */
function lsnOf(text: string): Lsn | undefined {
  try {
    return parseLsn(text);
  } catch {
    return undefined;
  }
}
