import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const KAFKA_VERSION = '4.1.2';

/**
 * The class path of Apache Kafka, whose jars the set-up has put into `.cache` of the checkout. Throws with the command
 * to run when they are not there.
 */
export function kafkaClassPath(): string {
  const folder = join(kafkaFolder(), 'libs');
  if (!existsSync(folder) || !readdirSync(folder).some((name) => name.startsWith('kafka_'))) {
    throw new Error(`Apache Kafka ${KAFKA_VERSION} is not in ${folder}: run "npm run setup" in the checkout`);
  }
  return join(folder, '*');
}

/** Where Kafka's classes are kept as Java has them in memory once they are loaded; made by `shareKafkaClasses`. */
export function kafkaClassArchive(): string {
  return join(kafkaFolder(), 'classes.jsa');
}

/** Without -UsePerfData a broker that is killed leaves a file behind in the system's temporary folder. */
export const PLAIN_JAVA_OPTIONS = [
  '-Xms96m',
  '-Xmx384m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Xshare:auto',
];

/** How Java runs Kafka. Where there is no archive, or one of another Java, the classes are loaded from their jars. */
export function javaOptions(): readonly string[] {
  const archive = kafkaClassArchive();
  return existsSync(archive)
    ? [...PLAIN_JAVA_OPTIONS, `-XX:SharedArchiveFile=${archive}`]
    : PLAIN_JAVA_OPTIONS;
}

function kafkaFolder(): string {
  return join(checkoutFolder(), '.cache', `kafka-${KAFKA_VERSION}`);
}

/** The nearest folder above this file with the workspace's lock file; the same from `src` and from `dist`. */
function checkoutFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package-lock.json'))) {
      return folder;
    }
    if (folder === dirname(folder)) {
      throw new Error(
        `No package-lock.json in any folder above ${start}: is this a checkout of the project?`,
      );
    }
  }
}
