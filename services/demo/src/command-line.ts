import { parseArgs } from 'node:util';

const outputFormats = ['text', 'json'] as const;
type OutputFormat = (typeof outputFormats)[number];
const scenarios = ['failover', 'ahead'] as const;
type Scenario = (typeof scenarios)[number];

/** What the command line asks for. */
export type DemoCommand =
  | { readonly kind: 'run'; readonly scenario: Scenario; readonly output: OutputFormat }
  | { readonly kind: 'help' }
  | { readonly kind: 'usage'; readonly message: string };

export const HELP = `Usage: npm run demo -- [options]

Starts Apache Kafka, a PostgreSQL 18 primary with two standbys, and slotcast beside each of them; lets three logical
subscribers read while a writer inserts rows; kills the primary with SIGKILL, promotes a standby, points the subscribers at
its slots, and checks that every row on the new primary has reached every subscriber. Leaves nothing behind.

With --scenario ahead it shows the WAL fence: a subscriber has confirmed rows that the promoted standby never received,
and insists on its own position. Played twice, with slotcast's services gone at the promotion, and with them there.

Options:
  --scenario <failover|ahead>  what is played (default: failover)
  --output <text|json>  form of the result on stdout (default: text); everything else goes to stderr
  -h, --help            this text

The JSON object of the scenario failover, on one line:
  rowsWritten        rows whose commit was acknowledged to the writer, on the old and the new primary
  rowsOnNewPrimary   rows in the table of the new primary at the end
  rowsPerSubscriber  by slot: how many of those rows arrived
  missing            by how much that falls short, over all subscribers
  duplicates         rows that arrived again, over all subscribers: they read from the slot's own position
  lostRows           rows that some subscriber got from the old primary, but that no standby had received
  slots              by slot: where it stood on each server
  failoverMs         from SIGKILL until each subscriber had a row that was written on the new primary
  latencyMs          p50 and p99 over all rows and subscribers, from the row's insert (clock_timestamp() on the server,
                     just before its commit) until its commit arrived; rows of the failover count with its duration

That of the scenario ahead: without and with, each with rowsWritten (on the new primary), rowsReceived, confirmedLsn
and switchLsn; and missing, the rows that did not arrive although slotcast was there.

Exit codes: 0 nothing missing, 1 failed, 2 usage, 3 rows are missing, 128+n ended by a signal.
`;

/** Reads the arguments behind the program's name. */
export function parseCommandLine(args: readonly string[]): DemoCommand {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        output: { type: 'string', default: 'text' },
        scenario: { type: 'string', default: 'failover' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      return { kind: 'help' };
    }
    const { output, scenario } = values;
    if (!isOneOf(outputFormats, output)) {
      return { kind: 'usage', message: notOneOf('--output', output, outputFormats) };
    }
    return isOneOf(scenarios, scenario)
      ? { kind: 'run', scenario, output }
      : { kind: 'usage', message: notOneOf('--scenario', scenario, scenarios) };
  } catch (error) {
    if (error instanceof TypeError) {
      return { kind: 'usage', message: error.message };
    }
    throw error;
  }
}

function isOneOf<T extends string>(known: readonly T[], text: string): text is T {
  return known.some((each) => each === text);
}

function notOneOf(option: string, text: string, known: readonly string[]): string {
  return `${option}: ${JSON.stringify(text)} is neither ${known.join(' nor ')}`;
}
