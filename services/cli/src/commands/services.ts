import { runConsumer } from '@slotcast/consumer';
import { runPublisher } from '@slotcast/publisher';
import { runWholeNode } from '@slotcast/whole-node';
import type { GlobalOptions } from '../shared/command-scope.ts';
import { loadSettings } from '../shared/load-settings.ts';
import { packageVersion } from '../version.ts';

/** `slotcast node`. Throws a ConfigError. */
export async function runNodeCommand(options: GlobalOptions): Promise<void> {
  await runWholeNode(loadSettings(options, 'node'), packageVersion());
}

/** `slotcast publisher`. Throws a ConfigError. */
export async function runPublisherCommand(options: GlobalOptions): Promise<void> {
  await runPublisher(loadSettings(options, 'publisher'), packageVersion());
}

/** `slotcast consumer`. Throws a ConfigError. */
export async function runConsumerCommand(options: GlobalOptions): Promise<void> {
  await runConsumer(loadSettings(options, 'consumer'), packageVersion());
}
