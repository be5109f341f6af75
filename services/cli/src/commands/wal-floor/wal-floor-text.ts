import { textTable, type WalFloorJson } from '@slotcast/views';

const why = {
  no_event: 'the topic has no event of it',
  removed: 'compaction may have removed what it needed then: choose a position within the history window',
  no_position: 'its newest event names no restart_lsn',
  other_branch: 'its newest event lies on a timeline that the topic has left',
} as const;

/** The answer for people: the floor in one line, then what each slot needs, the oldest first. */
export function walFloorText(answer: WalFloorJson): readonly string[] {
  const rows = answer.slots
    .toSorted((one, other) => (one.wal_file < other.wal_file ? -1 : 1))
    .map((slot) => [slot.slot, slot.restart_lsn, slot.wal_file, slot.orphaned ? 'orphaned' : '']);
  const unknown = answer.unknown.map((slot) => [slot.slot, '-', '-', why[slot.why]]);
  const lost = answer.without_need.map((slot) => [slot, '-', '-', 'needs none']);
  const table = [...unknown, ...rows, ...lost];
  const head = ['slot', 'restart', 'WAL file', ''];
  return [summary(answer), ...(table.length === 0 ? [] : ['', ...textTable([head, ...table])])];
}

function summary({
  as_of_lsn,
  wal_file,
  restart_lsn,
  slot,
  unknown,
  wal_segment_size,
}: WalFloorJson): string {
  const when = as_of_lsn === null ? 'now' : `as of ${as_of_lsn}`;
  const [first] = unknown;
  if (first !== undefined) {
    return `it cannot be told which WAL is needed ${when}: of ${unknown.length} of the slots it is not known`;
  }
  return wal_file === null
    ? `no slot needs WAL ${when}`
    : `${wal_file} is the oldest WAL file that is needed ${when}: slot ${slot} needs all from ${restart_lsn} on (segments of ${wal_segment_size / 2 ** 20} MiB)`;
}
