import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { kafkaClassPath } from './kafka-libraries.ts';

const run = promisify(execFile);

/** The class that each of Kafka's scripts starts. */
const toolClasses = {
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  'kafka-consumer-perf-test.sh': 'org.apache.kafka.tools.ConsumerPerformance',
} as const;

/** Runs one of Kafka's own command-line tools, given as a user would type it, and returns what it printed. Throws when it fails. */
export async function runKafkaTool(command: string): Promise<string> {
  const [script, ...options] = command.split(' ');
  const tool = Object.entries(toolClasses).find(([name]) => name === script)?.[1];
  if (tool === undefined) {
    throw new Error(`not a tool of Kafka's that is known here: ${script}`);
  }
  const { stdout } = await run('java', [
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    '-cp',
    kafkaClassPath(),
    tool,
    ...options,
  ]);
  return stdout;
}
