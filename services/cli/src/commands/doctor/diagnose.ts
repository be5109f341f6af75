import { type Config, filterText } from '@slotcast/config';
import {
  type Check,
  type ClusterSize,
  checkCatalogPin,
  checkConsumers,
  checkDatabases,
  checkKafkaClock,
  checkNodeJs,
  checkNodeName,
  checkPlugins,
  checkPublisher,
  checkReplicationSlots,
  checkServerClock,
  checkServerExtras,
  checkServerPreconditions,
  checkSlotFilter,
  checkSlotMoves,
  checkSlotRows,
  checkStandbySlots,
  checkStreaming,
  checkSystem,
  checkTable,
  checkTimeline,
  checkVersions,
  checkWalSenders,
  type DatabaseAttempt,
  isLogical,
  matchesFilters,
  type SlotState,
  type TopicContents,
} from '@slotcast/domain';
import type { WalEnd } from '@slotcast/postgres';
import { packageVersion } from '../../version.ts';
import type { KafkaExamination } from './examine-kafka.ts';
import type { ServerExamination, ServerView } from './examine-server.ts';

/** Slotcast's own sessions; they are counted apart. */
const OWN_APPLICATION = /^slotcast-/;

/** All checks, in the order of the table. What could not be looked at has none but the failed one that says so. */
export function diagnose(
  config: Config,
  server: ServerExamination,
  kafka: KafkaExamination,
  { databases, end }: { readonly databases: readonly DatabaseAttempt[]; readonly end: WalEnd | undefined },
): readonly Check[] {
  const { view } = server;
  const { contents } = kafka;
  const checks = [checkNodeJs(process.versions.node), ...server.checks, ...kafka.checks];
  if (contents !== undefined) {
    checks.push(...topicChecks(config, contents));
  }
  if (view !== undefined) {
    const system = contents && checkSystem(view.systemIdentifier, contents.manifest);
    // The topics of another cluster tell nothing about this server.
    const own = system?.outcome === 'failed' ? undefined : contents;
    checks.push(
      ...serverChecks(config, view, own, databases),
      ...(system === undefined ? [] : [system]),
      ...(own === undefined ? [] : [nodeNameCheck(config, view, own)]),
      ...(own === undefined ? [] : clusterChecks(config, { view, end }, own)),
    );
  }
  const order = Object.keys(checkTable);
  return checks.toSorted((a, b) => order.indexOf(a.check) - order.indexOf(b.check));
}

/** The databases whose slots are to follow, and so have to be reached. */
export function wantedDatabases(
  config: Config,
  { view }: ServerExamination,
  { contents }: KafkaExamination,
): readonly string[] {
  if (view === undefined) {
    return [];
  }
  const system = contents && checkSystem(view.systemIdentifier, contents.manifest);
  return databasesOf(wantedSlots(config, view, system?.outcome === 'failed' ? undefined : contents));
}

function wantedSlots(
  config: Config,
  view: ServerView,
  contents: TopicContents | undefined,
): readonly SlotState[] {
  return carriedSlots(view, contents).filter(
    (slot) => slot.type === 'logical' && matchesFilters(config.slots, slot),
  );
}

function countCarriedPhysical(config: Config, view: ServerView, contents: TopicContents | undefined): number {
  const selected = carriedSlots(view, contents).filter(
    (slot) => slot.type === 'physical' && matchesFilters(config.slots, slot),
  );
  return selected.filter(({ name }) => name !== view.settings.primarySlotName).length;
}

function databasesOf(slots: readonly SlotState[]): readonly string[] {
  const names = slots.filter(isLogical).flatMap(({ database }) => (database === undefined ? [] : [database]));
  return [...new Set(names)].toSorted();
}

function serverChecks(
  config: Config,
  view: ServerView,
  contents: TopicContents | undefined,
  attempts: readonly DatabaseAttempt[],
): Check[] {
  const { preconditions, facts, settings } = view;
  const { role, inRecovery, hasMonitor } = preconditions;
  const slots = carriedSlots(view, contents).filter(({ type }) => type === 'logical');
  const wanted = wantedSlots(config, view, contents);
  const size: ClusterSize = {
    logicalSlots: slots.length,
    databases: databasesOf(wanted).length,
    standbys: countStandbys(view, contents),
    carriedPhysical: countCarriedPhysical(config, view, contents),
  };
  const busy = view.walSenders.filter(({ application }) => !OWN_APPLICATION.test(application)).length;
  const { maxReplicationSlots: max, usedReplicationSlots: used } = preconditions;
  const plugins = { allowedPlugins: config.plugins, serverPlugins: facts.outputPluginLibraries };
  return [
    ...checkServerPreconditions(preconditions, config.node),
    ...checkServerExtras(preconditions, facts, view.slots),
    ...checkDatabases(attempts, role),
    // Without pg_monitor the receiver cannot be seen.
    ...(inRecovery && hasMonitor ? [checkStreaming(settings.primarySlotName, settings.walReceiver)] : []),
    checkReplicationSlots({ max, used, inRecovery }, size),
    checkWalSenders({ max: facts.maxWalSenders, busy }, size),
    ...checkPlugins(wanted, plugins),
    ...checkSlotRows(view.unreadable),
    checkSlotFilter(slots, {
      filter: filterText(config),
      wanted: (slot) => matchesFilters(config.slots, slot),
    }),
    checkServerClock(view.clockAheadMs),
  ];
}

function topicChecks(config: Config, contents: TopicContents): Check[] {
  return [
    checkKafkaClock(contents.heartbeat),
    checkPublisher(contents, config.lagMaxMs),
    checkVersions(contents.nodes, packageVersion()),
  ];
}

function nodeNameCheck({ node }: Config, view: ServerView, { nodes, silentMs }: TopicContents): Check {
  const { systemIdentifier, serverStartedAt } = view;
  return checkNodeName({ node, systemIdentifier, serverStartedAt }, nodes.get(node), silentMs.get(node) ?? 0);
}

function clusterChecks(
  { node, takeOver }: Config,
  { view, end }: { readonly view: ServerView; readonly end: WalEnd | undefined },
  contents: TopicContents,
): readonly Check[] {
  const { systemIdentifier, history, settings, slots } = view;
  const { inRecovery } = view.preconditions;
  const consumers = [
    ...checkConsumers(contents, { node, inRecovery }),
    ...checkSlotMoves(contents, { node, inRecovery }),
  ];
  if (inRecovery) {
    const { hotStandbyFeedback, walReceiver } = settings;
    const primarySlotName = walReceiver?.slotName ?? settings.primarySlotName;
    const self = { node, hotStandbyFeedback, primarySlotName, slots };
    return [...consumers, ...checkCatalogPin(self, contents)];
  }
  const timeline =
    history === undefined || end?.timeline !== history.timeline
      ? []
      : checkTimeline({ ...end, node, systemIdentifier, history }, contents, takeOver);
  if (timeline.some(({ outcome }) => outcome === 'failed')) {
    // The standbys that the topic tells of follow another primary.
    return timeline;
  }
  const slotless = view.walSenders.flatMap(({ application, streaming, slot }) =>
    streaming && slot === undefined ? [application] : [],
  );
  const physicalSlots = slots.filter((slot) => slot.type === 'physical');
  const primary = { node, physicalSlots, slotless };
  return [...timeline, ...consumers, ...checkStandbySlots(primary, contents)];
}

/** The slots of the primary: its own, or as a standby knows them from the topic, with what it has itself. */
function carriedSlots(view: ServerView, contents: TopicContents | undefined): readonly SlotState[] {
  const here = view.slots.filter(({ temporary }) => !temporary);
  if (!view.preconditions.inRecovery) {
    return here;
  }
  const there = [...(contents?.slots.values() ?? [])].flatMap(({ state }) => state ?? []);
  return [...new Map([...there, ...here].map((slot) => [slot.name, slot])).values()];
}

/** Whichever tells of more: the physical slots that are known, or the nodes. */
function countStandbys(view: ServerView, contents: TopicContents | undefined): number {
  const physical = carriedSlots(view, contents).filter(({ type }) => type === 'physical').length;
  // The record of a standby that was promoted stays what it was.
  const nodes = [...(contents?.nodes.values() ?? [])].filter(
    ({ role, node }) => role === 'standby' && node !== contents?.manifest?.node,
  );
  return Math.max(physical, nodes.length);
}
