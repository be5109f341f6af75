import { createInterface } from 'node:readline/promises';
import { type SlotName } from '@slotcast/domain';
import { type ExitCode, exitCodes, SlotcastError } from '@slotcast/kernel';
import { explainError } from '@slotcast/node';
import { connectPostgres, dropPlaceholder } from '@slotcast/postgres';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printLine } from '../../shared/output.ts';

export interface ReleaseOptions extends PrintOptions {
  readonly yes: boolean;
}

/** A person waits for the answer. */
const CONNECT_TIMEOUT_MS = 5000;

/**
 * `slotcast release SLOT`: drops the placeholder that keeps the name of a quarantined slot taken on this server. It needs no Kafka and no service. Throws
 * SC_RELEASE_REFUSED when what stands under the name may be somebody's, SC_USAGE when nobody has agreed.
 */
export async function runRelease(slot: SlotName, options: ReleaseOptions): Promise<void> {
  const config = loadSettings(options, 'consumer');
  await untilInterrupted(async (signal) => {
    await agree(slot, config.node, { yes: options.yes, signal });
    const found = await release(slot, { url: config.postgresUrl, signal });
    if (found === 'other') {
      throw new SlotcastError(
        'SC_RELEASE_REFUSED',
        `what has the name ${slot} on node ${config.node} is no placeholder: a logical slot, or a physical one that holds something or is in use`,
      );
    }
    return await tell({ slot, node: config.node, released: found === 'dropped' }, options);
  });
}

async function release(
  slot: SlotName,
  { url, signal }: { readonly url: string | undefined; readonly signal: AbortSignal },
): Promise<Awaited<ReturnType<typeof dropPlaceholder>>> {
  try {
    const connection = await connectPostgres({
      url,
      applicationName: 'slotcast-release',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signal,
    });
    try {
      return await dropPlaceholder(connection, slot, signal);
    } finally {
      await connection.close();
    }
  } catch (error) {
    throw explainError(error);
  }
}

const MEANING =
  'From then on any client can make a slot of that name, also one that does so without a word, such as Debezium before 3.4. Such a slot starts at the present: ' +
  'what was committed before is not in it. So first see that its subscriber starts over, with a new snapshot.';

async function agree(
  slot: SlotName,
  node: string,
  { yes, signal }: { readonly yes: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (yes) {
    return;
  }
  const what = `This frees the name ${slot} on node ${node}, which was kept taken since its slot was quarantined. ${MEANING}`;
  if (!process.stdin.isTTY) {
    throw new SlotcastError('SC_USAGE', what, { remedy: 'Give --yes when that is so.' });
  }
  const question = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await question.question(`${what}\nFree it? [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new SlotcastError('SC_USAGE', `nobody has agreed: ${slot} stays as it is`);
    }
  } finally {
    question.close();
  }
}

async function tell(
  done: { readonly slot: SlotName; readonly node: string; readonly released: boolean },
  { output }: ReleaseOptions,
): Promise<ExitCode> {
  const { slot, node, released } = done;
  const text = released
    ? `the name ${slot} is free on node ${node}: a slot of that name can be made`
    : `there is no slot ${slot} on node ${node}: its name is free`;
  await printLine(output === 'json' ? JSON.stringify(done) : text);
  return exitCodes.ok.code;
}
