import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { templatesFolder } from './cluster-template.ts';
import { javaOptions, kafkaClassPath } from './kafka-libraries.ts';

/** Kafka source, BootstrapDirectory and MetaPropertiesEnsemble: the two files that the formatting of a data folder writes. */
const FEATURES = 'bootstrap.checkpoint';
const IDENTITY = 'meta.properties';

/**
 * Makes an empty data folder one of a new cluster of a single node. The features that a cluster begins with are those that Kafka's own tool wrote
 * for the first one of a run; its identity is its own. That saves the start of a Java machine for each broker.
 */
export async function formatStorage(options: {
  /** Of the broker, for the tool to work in. */
  readonly folder: string;
  readonly propertiesFile: string;
  readonly dataFolder: string;
}): Promise<void> {
  const { dataFolder } = options;
  const template = join(templatesFolder(), 'kafka');
  if (!existsSync(template)) {
    await runTool(options);
    await keepAs(template, dataFolder);
    return;
  }
  const identity = await readFile(join(template, IDENTITY), 'utf8');
  await copyFile(join(template, FEATURES), join(dataFolder, FEATURES));
  await writeFile(
    join(dataFolder, IDENTITY),
    identity.replaceAll(/^(cluster\.id|directory\.id)=.*$/gm, (_line, name) => `${name}=${newUuid()}`),
  );
}

async function keepAs(template: string, dataFolder: string): Promise<void> {
  const begun = await mkdtemp(`${template}-`);
  for (const name of [FEATURES, IDENTITY]) {
    await copyFile(join(dataFolder, name), join(begun, name));
  }
  try {
    await rename(begun, template);
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    // Another process may have been first.
    if (!existsSync(template)) {
      throw error;
    }
  }
}

async function runTool({
  folder,
  propertiesFile,
}: {
  readonly folder: string;
  readonly propertiesFile: string;
}): Promise<void> {
  const tool = spawn(
    'java',
    [
      ...javaOptions(),
      '-cp',
      kafkaClassPath(),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      newUuid(),
      '-c',
      propertiesFile,
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const output: string[] = [];
  tool.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  tool.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
  await once(tool, 'close');
  if (tool.exitCode !== 0) {
    throw new Error(
      `Could not format Kafka's storage as in ${propertiesFile} (code ${tool.exitCode}):\n${output.join('')}`,
    );
  }
}

/** Kafka writes ids as URL-safe base64; one that began with `-` would be read as an option. */
function newUuid(): string {
  return `s${randomBytes(16).toString('base64url').slice(1)}`;
}
