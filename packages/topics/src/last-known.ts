import { createHash } from 'node:crypto';
import {
  emptyLine,
  formatLsn,
  type Lsn,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  newestOrigin,
  type Ownership,
  type Promotion,
  type PublishedLine,
  parseLsn,
  parseSlotName,
  parseSystemIdentifier,
  parseTimelineHistory,
  type Reason,
  type SlotEvent,
  type SlotName,
  type SystemIdentifier,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { createCodec, type EncodedRecord, type StoredRecord } from '@slotcast/event-schema';

/** What a node knew last of the topics, as far as it is needed at a promotion while nobody can ask them. */
export interface LastKnown {
  readonly cluster: string;
  readonly node: string;
  readonly systemIdentifier: SystemIdentifier;
  /** Of the server, as it replayed then. */
  readonly history: TimelineHistory;
  readonly line: PublishedLine;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  readonly reasons: ReadonlyMap<SlotName, readonly Reason[]>;
  /** The promotions that the nodes' records tell of. */
  readonly promotions: readonly Promotion[];
}

/** Both clocks of this process: a time of another process is told by the one that both share. */
export interface KnownClocks {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** A state that cannot be used, and why. */
export interface UselessState {
  readonly useless: string;
}

/** Long enough that all may have been written meanwhile that a fence is pushed by. */
const UNKNOWN_SILENCE_MS = 3_600_000;

const FORMAT = 1;
const HEADING = 'slotcast-state';
/** Nobody reads it: it is no topic. */
const TOPIC = 'state';
/** Values stand in it as in the topics, without a registry, which may be away as well. */
const codec = createCodec();

type RecordText = readonly [key: string, value: string, headers: Readonly<Record<string, string>>];

/** As text: a line with format and checksum, then JSON with records as the topics have them. */
export async function encodeLastKnown(known: LastKnown, clocks: KnownClocks): Promise<string> {
  const { cluster, node, systemIdentifier, history, line, ownership, reasons } = known;
  const promoted = known.promotions.map((promotion) => promotionStatus(known, promotion));
  const body = JSON.stringify({
    cluster,
    node,
    system_identifier: systemIdentifier,
    history: historyText(history),
    published: await eventTextsOf(line.published),
    elsewhere: await eventTextsOf(line.elsewhere),
    furthest: [...line.furthest].map(([slot, position]) => [slot, formatLsn(position)]),
    manifest:
      line.manifest === undefined ? null : recordText(await codec.encodeManifest(TOPIC, line.manifest)),
    lineage: line.lineage ?? null,
    newest_history: line.newestHistory === undefined ? null : historyText(line.newestHistory),
    heard_at: line.word === undefined ? null : clocks.wallMs - (clocks.monotonicMs - line.word.heardAtMs),
    bytes_per_second: line.word?.bytesPerSecond ?? 0,
    slots: await Promise.all(
      [...ownership].map(([slot, owned]) =>
        ownershipText({ node, slot, owned, told: reasons.get(slot) ?? [] }),
      ),
    ),
    promotions: (await Promise.all(promoted.map((status) => codec.encodeNodeStatus(TOPIC, status)))).map(
      recordText,
    ),
  });
  return `${HEADING} ${FORMAT} ${checksum(body)}\n${body}`;
}

/** Most is as it was when it was written the last time. */
const eventTexts = new WeakMap<SlotEvent, RecordText>();
const ownershipTexts = new WeakMap<
  Ownership,
  { readonly slot: SlotName; readonly told: readonly Reason[]; readonly text: RecordText }
>();

function eventTextsOf(events: ReadonlyMap<SlotName, SlotEvent>): Promise<readonly RecordText[]> {
  return Promise.all([...events.values()].map(eventText));
}

async function eventText(event: SlotEvent): Promise<RecordText> {
  const before = eventTexts.get(event);
  if (before !== undefined) {
    return before;
  }
  const [record] = await codec.encodeSlotEvent(TOPIC, event);
  if (record === undefined) {
    throw new RangeError(`the event of slot ${event.slot} has no record`);
  }
  const text = recordText(record);
  eventTexts.set(event, text);
  return text;
}

async function ownershipText(of: {
  readonly node: string;
  readonly slot: SlotName;
  readonly owned: Ownership;
  readonly told: readonly Reason[];
}): Promise<RecordText> {
  const { node, slot, owned, told } = of;
  const before = ownershipTexts.get(owned);
  if (before?.told === told && before.slot === slot) {
    return before.text;
  }
  const about = { kind: 'node_slot', node, slot, role: 'standby' } as const;
  const status: NodeSlotStatus = { ...about, ownership: owned, state: 'ready', reasons: told, time: 0 };
  const text = recordText(await codec.encodeNodeSlotStatus(TOPIC, status));
  ownershipTexts.set(owned, { slot, told, text });
  return text;
}

/** Reads what `encodeLastKnown` wrote for this node. */
export async function decodeLastKnown(
  text: string,
  expected: { readonly cluster: string; readonly node: string },
  clocks: KnownClocks,
): Promise<LastKnown | UselessState> {
  const [heading = '', body = ''] = text.split('\n', 2);
  const [name, format, sum] = heading.split(' ');
  if (name !== HEADING || format !== String(FORMAT)) {
    return { useless: 'it is of another format' };
  }
  if (sum !== checksum(body)) {
    return { useless: 'it is damaged: its checksum is another one' };
  }
  try {
    const fields: unknown = JSON.parse(body);
    const state = new StateFields(fields);
    if (state.text('cluster') !== expected.cluster || state.text('node') !== expected.node) {
      return { useless: `it is of node ${state.text('node')} of cluster ${state.text('cluster')}` };
    }
    return { ...expected, ...(await state.known(clocks)) };
  } catch (error) {
    return { useless: error instanceof Error ? error.message : String(error) };
  }
}

class StateFields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(fields: unknown) {
    this.#fields = new Map(Object.entries(Object(fields)));
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    if (typeof value !== 'string') {
      throw new RangeError(`its field ${name} is no text`);
    }
    return value;
  }

  async known({ wallMs, monotonicMs }: KnownClocks): Promise<Omit<LastKnown, 'cluster' | 'node'>> {
    const published = await this.#events('published');
    const [manifest] = (await this.#records('manifest', decodeSlots)).filter(isManifest);
    const heardAt = this.#fields.get('heard_at');
    const statuses = (await this.#records('slots', decodeNodes)).filter(isSlotStatus);
    const line: PublishedLine = {
      ...emptyLine,
      published,
      elsewhere: await this.#events('elsewhere'),
      furthest: new Map(this.#pairs('furthest')),
      manifest,
      lastOrigin: newestOrigin([...published.values(), ...(manifest === undefined ? [] : [manifest])]),
      lineage: this.#fields.get('lineage') === null ? undefined : this.text('lineage'),
      newestHistory: this.#history('newest_history'),
      word:
        typeof heardAt === 'number'
          ? {
              // By a clock that was put back nobody knows how long ago it was.
              heardAtMs: monotonicMs - (heardAt > wallMs ? UNKNOWN_SILENCE_MS : wallMs - heardAt),
              bytesPerSecond: Number(this.#fields.get('bytes_per_second')),
            }
          : undefined,
    };
    const history = this.#history('history');
    if (history === undefined) {
      throw new RangeError('its timeline is missing');
    }
    return {
      systemIdentifier: parseSystemIdentifier(this.text('system_identifier')),
      history,
      line,
      ownership: new Map(
        statuses.flatMap(({ slot, ownership }) => (ownership === undefined ? [] : [[slot, ownership]])),
      ),
      reasons: new Map(statuses.map(({ slot, reasons }) => [slot, reasons])),
      promotions: (await this.#records('promotions', decodeNodes)).flatMap((record) =>
        record.kind === 'node' && record.promotion !== undefined ? [record.promotion] : [],
      ),
    };
  }

  async #events(name: string): Promise<ReadonlyMap<SlotName, SlotEvent>> {
    const events = (await this.#records(name, decodeSlots)).filter(isSlotEvent);
    return new Map(events.map((event) => [event.slot, event]));
  }

  async #records<T>(name: string, decode: (record: StoredRecord) => Promise<T>): Promise<readonly T[]> {
    const value = this.#fields.get(name);
    const list = value === null ? [] : isRecordText(value) ? [value] : value;
    if (!Array.isArray(list) || !list.every(isRecordText)) {
      throw new RangeError(`its field ${name} holds no records`);
    }
    return await Promise.all(list.map((each) => decode(storedRecord(each))));
  }

  #pairs(name: string): readonly (readonly [SlotName, Lsn])[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) {
      throw new RangeError(`its field ${name} is no list`);
    }
    return value.map((pair: unknown) => {
      const [slot, position]: readonly unknown[] = Array.isArray(pair) ? pair : [];
      return [parseSlotName(String(slot)), parseLsn(String(position))];
    });
  }

  #history(name: string): TimelineHistory | undefined {
    if (this.#fields.get(name) === null) {
      return undefined;
    }
    const [current = '', ...lines] = this.text(name).split('\n');
    return parseTimelineHistory(timeline(Number(current)), lines.join('\n'));
  }
}

async function decodeSlots(record: StoredRecord): Promise<SlotEvent | Manifest> {
  const decoded = await codec.decodeSlotsRecord(record);
  if (decoded.kind === 'malformed') {
    throw new RangeError(`a record of it cannot be read: ${decoded.reason}`);
  }
  return decoded;
}

async function decodeNodes(record: StoredRecord): Promise<NodeStatus | NodeSlotStatus> {
  const decoded = await codec.decodeNodesRecord(record);
  if (decoded.kind === 'malformed' || decoded.kind === 'node_tombstone') {
    throw new RangeError('a record of it cannot be read');
  }
  return decoded;
}

function isManifest(record: SlotEvent | Manifest): record is Manifest {
  return record.kind === 'manifest';
}

function isSlotEvent(record: SlotEvent | Manifest): record is SlotEvent {
  return record.kind === 'slot';
}

function isSlotStatus(record: NodeStatus | NodeSlotStatus): record is NodeSlotStatus {
  return record.kind === 'node_slot';
}

/** A node's record that says no more than what became of a promotion. */
function promotionStatus(
  { node, systemIdentifier }: Pick<LastKnown, 'node' | 'systemIdentifier'>,
  promotion: Promotion,
): NodeStatus {
  const base = { kind: 'node', role: 'primary', instance: '', version: '', serverVersion: 0 } as const;
  const rest = { physicalSlots: [], wantsStandbySnapshot: false, time: 0 };
  return { ...base, ...rest, node, systemIdentifier, timeline: promotion.timeline, promotion };
}

/** As a timeline history file, behind a line with the timeline itself. */
function historyText({ timeline, ancestors }: TimelineHistory): string {
  const lines = ancestors.map((each) => `${each.timeline}\t${formatLsn(each.switchLsn)}`);
  return [String(timeline), ...lines].join('\n');
}

function recordText({ key, value, headers }: EncodedRecord): RecordText {
  const texts = [...headers].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  return [
    Buffer.from(key).toString('base64'),
    Buffer.from(value ?? []).toString('base64'),
    Object.fromEntries(texts),
  ];
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}

function storedRecord([key, value, headers]: RecordText): StoredRecord {
  return {
    key: bytes(key),
    value: bytes(value),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, bytes(text)])),
  };
}

function isRecordText(value: unknown): value is RecordText {
  return (
    Array.isArray(value) &&
    typeof value[0] === 'string' &&
    typeof value[1] === 'string' &&
    Object.values(Object(value[2])).every((text) => typeof text === 'string')
  );
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
