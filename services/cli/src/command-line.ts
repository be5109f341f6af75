import { services } from '@slotcast/config';
import { DEFAULT_PROOF_BYTES, promotionPolicies, type SlotName } from '@slotcast/domain';
import { Argument, Command, Option } from 'commander';
import {
  anotherSetting,
  byteCount,
  moment,
  position,
  requirement,
  segmentSize,
  slotFilters,
  slotName,
  startPosition,
  timelineNumber,
  timeoutMs,
} from './arguments.ts';
import type { ConfigOptions } from './commands/config/command.ts';
import type { EventsOptions } from './commands/events/command.ts';
import type { PrepareOptions } from './commands/prepare-promotion/command.ts';
import type { RebuildOptions } from './commands/rebuild/command.ts';
import type { ReleaseOptions } from './commands/release/command.ts';
import type { StatusOptions } from './commands/status/command.ts';
import type { TopicCreateOptions } from './commands/topic/command.ts';
import type { VerifyOptions } from './commands/verify/command.ts';
import type { WalFloorOptions } from './commands/wal-floor/command.ts';
import type { GlobalOptions, PrintOptions } from './shared/command-scope.ts';
import { outputFormats } from './shared/output.ts';
import { packageVersion } from './version.ts';

/**
 * The commands of `slotcast`. Parsing throws a CommanderError instead of ending the process. Each command loads its own modules, so
 * that help and mistakes are answered without loading the clients of Kafka and PostgreSQL.
 */
export function createCommandLine(): Command {
  const program = new Command('slotcast')
    .description('PostgreSQL replication slots follow a failover through Kafka')
    .version(packageVersion())
    .option('--config <file>', 'JSON or .env file with settings, below the environment')
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 usage, 3 the answer is "no", 78 configuration.')
    .exitOverride()
    .showHelpAfterError(
      'Run `slotcast --help` for the commands, `slotcast <command> --help` for its options.',
    );
  addServices(program);
  addTopic(program);
  addEvents(program);
  addDoctor(program);
  addStatus(program);
  addPreparePromotion(program);
  addVerify(program);
  addAdopt(program);
  addRelease(program);
  addForget(program);
  addRebuild(program);
  addWalFloor(program);
  addConfig(program);
  return program;
}

function addServices(program: Command): void {
  subcommand(program, 'node')
    .description('publisher and consumer of this node in one process: the usual way to run slotcast')
    .action(async (_options: unknown, command: Command) => {
      const { runNodeCommand } = await import('./commands/services.ts');
      await runNodeCommand(command.optsWithGlobals<GlobalOptions>());
    });
  subcommand(program, 'publisher')
    .description("publish the slots of this node's server while it is the primary")
    .action(async (_options: unknown, command: Command) => {
      const { runPublisherCommand } = await import('./commands/services.ts');
      await runPublisherCommand(command.optsWithGlobals<GlobalOptions>());
    });
  subcommand(program, 'consumer')
    .description("keep the slots of this node's server up to date while it is a standby")
    .action(async (_options: unknown, command: Command) => {
      const { runConsumerCommand } = await import('./commands/services.ts');
      await runConsumerCommand(command.optsWithGlobals<GlobalOptions>());
    });
}

function addTopic(program: Command): void {
  const topic = subcommand(program, 'topic').description('make or check the topics of the cluster');
  subcommand(topic, 'create')
    .description('create the topics that do not exist yet, and check those that do')
    .addOption(
      new Option(
        '--without <setting>',
        'leave this setting to the brokers, which do not take it; can be given several times',
      )
        .default([], 'none')
        .argParser(anotherSetting),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runTopicCreate } = await import('./commands/topic/command.ts');
      await runTopicCreate(command.optsWithGlobals<TopicCreateOptions>());
    });
  subcommand(topic, 'check')
    .description('compare the topics with what slotcast needs; exit code 3 when one would lose data')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runTopicCheck } = await import('./commands/topic/command.ts');
      await runTopicCheck(command.optsWithGlobals<PrintOptions>());
    });
}

function addEvents(program: Command): void {
  subcommand(program, 'events')
    .description('print the records of the slots topic, from the oldest on')
    .option('--follow', 'go on with new records until interrupted', false)
    .option('--slot <name>', 'only this slot', slotName)
    .addOption(
      new Option('--from <position>', 'first record: beginning, or an offset')
        .default('beginning')
        .argParser(startPosition),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runEvents } = await import('./commands/events/command.ts');
      await runEvents(command.optsWithGlobals<EventsOptions>());
    });
}

function addDoctor(program: Command): void {
  subcommand(program, 'doctor')
    .description(
      'check all that this node, its server, Kafka and the cluster must have, and say what fixes it',
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runDoctor } = await import('./commands/doctor/command.ts');
      await runDoctor(command.optsWithGlobals<PrintOptions>());
    });
}

function addStatus(program: Command): void {
  subcommand(program, 'status')
    .description('show which slots each standby could take over now; exit code 3 when too few standbys could')
    .option('--watch', 'look again every second until interrupted', false)
    .option('--node <name>', 'only this node')
    .option('--slot <name>', 'only this slot', slotName)
    .addOption(
      new Option('--require <standbys>', 'on how many standbys each slot has to be ready: all, or a number')
        .default(undefined, '1')
        .argParser(requirement),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runStatus } = await import('./commands/status/command.ts');
      await runStatus(command.optsWithGlobals<StatusOptions>());
    });
}

function addPreparePromotion(program: Command): void {
  subcommand(program, 'prepare-promotion')
    .description(
      'on the standby to be promoted: apply what is left, and say whether a promotion is safe; exit code 3 when it is not',
    )
    .addOption(
      new Option('--timeout <time>', 'for applying what is left, such as 10s or 500ms')
        .default(10_000, '10s')
        .argParser(timeoutMs),
    )
    .addOption(
      new Option(
        '--policy <policy>',
        'what stops a promotion: any risk; one that another standby would avoid; nothing',
      )
        .choices(promotionPolicies)
        .default('strict'),
    )
    .option('--force', 'exit 0 although it is not safe', false)
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runPreparePromotion } = await import('./commands/prepare-promotion/command.ts');
      await runPreparePromotion(command.optsWithGlobals<PrepareOptions>());
    });
}

function addVerify(program: Command): void {
  subcommand(program, 'verify')
    .description(
      'on a standby: compare what its slots deliver with what those on the primary do, and move none; exit code 3 when one differs',
    )
    .option('--slot <name>', 'only this slot', slotName)
    .addOption(
      new Option('--bytes <size>', 'so much WAL for a slot at most, such as 64MB')
        .default(DEFAULT_PROOF_BYTES, '64MB')
        .argParser(byteCount),
    )
    .addOption(
      new Option('--timeout <time>', 'for all slots together, such as 2min')
        .default(120_000, '2min')
        .argParser(timeoutMs),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runVerify } = await import('./commands/verify/command.ts');
      await runVerify(command.optsWithGlobals<VerifyOptions>());
    });
}

function addAdopt(program: Command): void {
  subcommand(program, 'adopt')
    .description("on a standby: make a slot slotcast's that it did not make, if that loses nothing")
    .addArgument(new Argument('<slot>', 'name of the slot').argParser(slotName))
    .addOption(outputOption())
    .action(async (slot: SlotName, _options: unknown, command: Command) => {
      const { runAdopt } = await import('./commands/adopt/command.ts');
      await runAdopt(slot, command.optsWithGlobals<PrintOptions>());
    });
}

function addRelease(program: Command): void {
  subcommand(program, 'release')
    .description('free the name of a slot that was quarantined on this server')
    .addArgument(new Argument('<slot>', 'name of the slot').argParser(slotName))
    .option('--yes', 'do not ask: the subscriber starts over', false)
    .addOption(outputOption())
    .action(async (slot: SlotName, _options: unknown, command: Command) => {
      const { runRelease } = await import('./commands/release/command.ts');
      await runRelease(slot, command.optsWithGlobals<ReleaseOptions>());
    });
}

function addForget(program: Command): void {
  subcommand(program, 'forget')
    .description('beside the primary: give up an orphaned slot, of which all nodes then drop their copies')
    .addArgument(new Argument('<slot>', 'name of the slot').argParser(slotName))
    .addOption(outputOption())
    .action(async (slot: SlotName, _options: unknown, command: Command) => {
      const { runForget } = await import('./commands/forget/command.ts');
      await runForget(slot, command.optsWithGlobals<PrintOptions>());
    });
}

function addConfig(program: Command): void {
  subcommand(program, 'config')
    .description('print the settings in effect and where each came from, without secrets')
    .addOption(
      new Option('--service <service>', 'whose defaults and requirements: of a service, or of the commands')
        .choices(services)
        .default('cli'),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runConfig } = await import('./commands/config/command.ts');
      await runConfig(command.optsWithGlobals<ConfigOptions>());
    });
}

/** A subcommand that takes nothing but its options: a stray word is an error and not ignored. */
function subcommand(parent: Command, name: string): Command {
  return parent.command(name).allowExcessArguments(false);
}

function outputOption(): Option {
  return new Option('--output <format>', 'form of the data').choices(outputFormats).default('text');
}

function addRebuild(program: Command): void {
  subcommand(program, 'rebuild')
    .description(
      'put the slots of the topic into the data directory of a stopped server; exit code 3 when one could not be put there',
    )
    .requiredOption('--pgdata <directory>', 'data directory of the server, which must not run')
    .option('--dry-run', 'say what would be done, and change nothing', false)
    .option('--slots <filter>', 'which slots, instead of SLOTCAST_SLOTS', slotFilters)
    .option(
      '--as-of-lsn <lsn>',
      'for a server that recovers to this position: the slots as they were there',
      position,
    )
    .option('--as-of-time <time>', 'the same by time, such as 2026-01-31T12:00:00Z', moment)
    .option('--timeline <number>', 'on which timeline recovery ends', timelineNumber)
    .option(
      '--restore-command <command>',
      'brings WAL files that are missing, as restore_command of PostgreSQL',
    )
    .addOption(
      new Option('--restore-timeout <time>', 'for one file').default(60_000, '1min').argParser(timeoutMs),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runRebuild } = await import('./commands/rebuild/command.ts');
      await runRebuild(command.optsWithGlobals<RebuildOptions>());
    });
}

function addWalFloor(program: Command): void {
  subcommand(program, 'wal-floor')
    .description(
      'print the oldest WAL that a slot of the topic needs, for what backups and archives have to keep; exit code 3 when it cannot be told',
    )
    .option('--as-of-lsn <lsn>', 'what was needed at this position, instead of now', position)
    .option('--slots <filter>', 'only these slots', slotFilters)
    .addOption(
      new Option('--wal-segment-size <size>', 'of the servers, as initdb --wal-segsize made them')
        .default(16 * 2 ** 20, '16MB')
        .argParser(segmentSize),
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { runWalFloor } = await import('./commands/wal-floor/command.ts');
      await runWalFloor(command.optsWithGlobals<WalFloorOptions>());
    });
}
