import assert from 'node:assert/strict';
import { formatLsn, type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresServer } from '@slotcast/testkit';

/** How a slot is read. */
export interface SlotReading {
  readonly plugin: string;
  readonly twoPhase: boolean;
}

/** Names of prepared transactions that were rolled back. */
export type RolledBack = ReadonlySet<string>;

/** What a subscriber gets as one: a transaction, the preparation or the end of one, or a message outside of any. */
export interface SlotUnit {
  /** End of the record that let the server send it: a slot that has confirmed this position is not sent it again. */
  readonly end: Lsn;
  readonly lines: readonly string[];
}

/** In pgoutput's Prepare, after kind, flags, two positions, a time and a transaction id. */
const PREPARED_NAME_AT = 30;

interface ChangeRow {
  readonly lsn: string;
  readonly data: string;
}

/**
 * Everything that a slot would send from where it stands, in the order in which it would; the slot stays where it is. Of a prepared transaction that was
 * rolled back since, just the preparation: its changes are sent or not, as far as the decoder looks at a catalog after it has
 * begun (`HandleConcurrentAbort`).
 */
export async function readContent(
  server: PostgresServer,
  slot: SlotReading & { readonly name: string },
  rolledBack: RolledBack,
): Promise<readonly SlotUnit[]> {
  return slot.plugin === 'pgoutput'
    ? pgoutputUnits(await peekBinary(server, slot.name, slot.twoPhase), rolledBack)
    : testDecodingUnits(await peekText(server, slot.name), rolledBack);
}

/** What is left of a content for a subscriber that has confirmed `from`, up to the WAL position `to`. */
export function contentBetween(units: readonly SlotUnit[], from: Lsn, to?: Lsn): readonly SlotUnit[] {
  return units.filter(({ end }) => end > from && (to === undefined || end <= to));
}

/** Throws with the first transaction in which two contents differ. */
export function assertSameContent(
  actual: readonly SlotUnit[],
  expected: readonly SlotUnit[],
  what: string,
): void {
  const length = Math.max(actual.length, expected.length);
  for (let index = 0; index < length; index += 1) {
    const [one, other] = [actual[index], expected[index]];
    if (one?.end !== other?.end || !sameLines(one?.lines ?? [], other?.lines ?? [])) {
      assert.fail(
        `${what}: transaction ${index + 1} of ${expected.length} is ${describe(one)}, expected ${describe(other)}`,
      );
    }
  }
}

function sameLines(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((line, index) => line === other[index]);
}

function describe(unit: SlotUnit | undefined): string {
  if (unit === undefined) {
    return 'missing';
  }
  const shown = unit.lines.slice(0, 6).map((line) => line.slice(0, 160));
  return `the one that ends at ${formatLsn(unit.end)} (${unit.lines.length} lines: ${shown.join(' | ')})`;
}

async function peekText(server: PostgresServer, slot: string): Promise<readonly ChangeRow[]> {
  return await server.query<ChangeRow>(
    'select lsn::text, data from pg_logical_slot_peek_changes($1, null, null)',
    [slot],
  );
}

function testDecodingUnits(rows: readonly ChangeRow[], rolledBack: RolledBack): readonly SlotUnit[] {
  const units: SlotUnit[] = [];
  let lines: string[] = [];
  for (const { lsn, data } of rows) {
    lines.push(data);
    const ends = /^(COMMIT|PREPARE TRANSACTION|COMMIT PREPARED|ROLLBACK PREPARED) /.test(data);
    if (ends || data.startsWith('message: transactional: 0')) {
      const [, prepared] = /^PREPARE TRANSACTION '(.*)'/.exec(data) ?? [];
      units.push({ end: parseLsn(lsn), lines: rolledBack.has(prepared ?? '') ? [data] : lines });
      lines = [];
    }
  }
  assert.deepEqual(lines, [], 'lines after the last transaction');
  return units;
}

async function peekBinary(
  server: PostgresServer,
  slot: string,
  twoPhase: boolean,
): Promise<readonly ChangeRow[]> {
  const options = `'proto_version', '${twoPhase ? 3 : 1}', 'two_phase', '${twoPhase ? 'on' : 'off'}'`;
  return await server.query<ChangeRow>(
    `select lsn::text, encode(data, 'hex') as data
       from pg_logical_slot_peek_binary_changes(
              $1, null, null, 'publication_names', 'everything', 'messages', 'true', ${options})`,
    [slot],
  );
}

/**
 * A relation is described once before its first change, so where the descriptions are depends on the start: each change goes with the description that
 * holds for it.
 */
function pgoutputUnits(rows: readonly ChangeRow[], rolledBack: RolledBack): readonly SlotUnit[] {
  const units: SlotUnit[] = [];
  const relations = new Map<string, string>();
  let lines: string[] = [];
  for (const { lsn, data } of rows) {
    const message = Buffer.from(data, 'hex');
    const kind = message.toString('latin1', 0, 1);
    if (kind === 'R') {
      relations.set(data.slice(2, 10), data);
    } else if (kind !== 'Y') {
      lines.push([`${kind} ${data}`, ...described(kind, message, relations)].join(' of '));
    }
    if ('CPKr'.includes(kind) || (kind === 'M' && message.readInt8(1) === 0)) {
      const prepared = kind === 'P' ? message.toString('latin1', PREPARED_NAME_AT, message.length - 1) : '';
      units.push({ end: parseLsn(lsn), lines: rolledBack.has(prepared) ? [data] : lines });
      lines = [];
    }
  }
  assert.deepEqual(lines, [], 'messages after the last transaction');
  return units;
}

function described(
  kind: string,
  message: Buffer,
  relations: ReadonlyMap<string, string>,
): readonly (string | undefined)[] {
  if ('IUD'.includes(kind)) {
    return [relations.get(message.toString('hex', 1, 5))];
  }
  if (kind === 'T') {
    const count = message.readInt32BE(1);
    return Array.from({ length: count }, (_, index) => {
      const at = 6 + index * 4;
      return relations.get(message.toString('hex', at, at + 4));
    });
  }
  return [];
}
