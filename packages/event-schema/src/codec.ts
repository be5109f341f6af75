import {
  isSlotName,
  MANIFEST_KEY,
  type Manifest,
  type NodeSlotStatus,
  type NodeStatus,
  type NodeTombstone,
  type SlotEvent,
  type SlotName,
} from '@slotcast/domain';
import { HeaderReader, type HeaderTexts, headerBytes, utf8Text } from './header-text.ts';
import {
  manifestAgreement,
  manifestHeaders,
  nodeAgreement,
  nodeSlotAgreement,
  nodeSlotStatusHeaders,
  nodeStatusHeaders,
  nodeTombstoneAgreement,
  nodeTombstoneHeaders,
  readDropHeaders,
  slotEventAgreement,
  slotEventHeaders,
} from './headers.ts';
import { type NodeKey, nodeKey, nodeSlotKey, parseNodeKey, parseNodeName } from './node-key.ts';
import { nodeSlotStatusFields, nodeStatusFields, readNodeSlotStatus, readNodeStatus } from './node-value.ts';
import {
  decodeStep,
  type EncodedRecord,
  MalformedError,
  type MalformedRecord,
  printableKey,
  type StoredRecord,
} from './record.ts';
import type { SchemaRegistry } from './schema-registry.ts';
import { manifestFields, readManifest, readSlotEvent, slotEventFields } from './slot-value.ts';
import { ValueCodec } from './value-codec.ts';

export interface CodecOptions {
  /** With a registry values are written in Confluent framing, and can be read in it. */
  readonly registry?: SchemaRegistry | undefined;
}

/**
 * Domain values to records of the slots and nodes topics, and back.
 *
 * Encoding throws a RangeError on values that cannot be written: integers beyond 2^53, node names with `/` or control characters.
 * Decoding never throws because of what is in a record, that is what MalformedRecord is for. Both reject with a SchemaRegistryError
 * when a registry has to be asked and does not answer: a reason to try again.
 */
export interface Codec {
  /** One record; for a drop two, to be written in one transaction: the last state, unless it is unknown, then the tombstone. */
  encodeSlotEvent(topic: string, event: SlotEvent): Promise<EncodedRecord[]>;
  encodeManifest(topic: string, manifest: Manifest): Promise<EncodedRecord>;
  encodeNodeStatus(topic: string, status: NodeStatus): Promise<EncodedRecord>;
  encodeNodeSlotStatus(topic: string, status: NodeSlotStatus): Promise<EncodedRecord>;
  /** Takes a node, or one slot on a node, out of the directory. `time` is in milliseconds since 1970. */
  encodeTombstone(of: { node: string; slot?: SlotName | undefined; time: number }): EncodedRecord;
  /** A tombstone comes out as a drop without state. */
  decodeSlotsRecord(record: StoredRecord): Promise<SlotEvent | Manifest | MalformedRecord>;
  decodeNodesRecord(
    record: StoredRecord,
  ): Promise<NodeStatus | NodeSlotStatus | NodeTombstone | MalformedRecord>;
}

/** Makes a codec; it reads the published schemas from the package. Throws when these are damaged. */
export function createCodec(options: CodecOptions = {}): Codec {
  return new RecordCodec(new ValueCodec(options.registry));
}

class RecordCodec implements Codec {
  readonly #values: ValueCodec;

  constructor(values: ValueCodec) {
    this.#values = values;
  }

  async encodeSlotEvent(topic: string, event: SlotEvent): Promise<EncodedRecord[]> {
    parseNodeName(event.node);
    if (event.state === undefined) {
      if (event.op !== 'drop') {
        throw new RangeError(`the ${event.op} of slot ${event.slot} has no state`);
      }
      return [encodedRecord(event.slot, null, slotEventHeaders(event, {}))];
    }
    const value = await this.#values.encode(topic, 'SlotState', slotEventFields(event, event.state));
    const record = encodedRecord(event.slot, value.bytes, slotEventHeaders(event, value));
    return event.op === 'drop' ? [record, { ...record, value: null }] : [record];
  }

  async encodeManifest(topic: string, manifest: Manifest): Promise<EncodedRecord> {
    parseNodeName(manifest.node);
    const value = await this.#values.encode(topic, 'Manifest', manifestFields(manifest));
    return encodedRecord(MANIFEST_KEY, value.bytes, manifestHeaders(manifest, value));
  }

  async encodeNodeStatus(topic: string, status: NodeStatus): Promise<EncodedRecord> {
    const key = nodeKey(status.node);
    const value = await this.#values.encode(topic, 'NodeStatus', nodeStatusFields(status));
    return encodedRecord(key, value.bytes, nodeStatusHeaders(status, value));
  }

  async encodeNodeSlotStatus(topic: string, status: NodeSlotStatus): Promise<EncodedRecord> {
    const key = nodeSlotKey(status.node, status.slot);
    const value = await this.#values.encode(topic, 'NodeSlotStatus', nodeSlotStatusFields(status));
    return encodedRecord(key, value.bytes, nodeSlotStatusHeaders(status, value));
  }

  encodeTombstone(of: { node: string; slot?: SlotName | undefined; time: number }): EncodedRecord {
    const key = of.slot === undefined ? nodeKey(of.node) : nodeSlotKey(of.node, of.slot);
    return encodedRecord(key, null, nodeTombstoneHeaders({ kind: 'node_tombstone', ...of }, of.time));
  }

  decodeSlotsRecord(record: StoredRecord): Promise<SlotEvent | Manifest | MalformedRecord> {
    return orMalformed(record, async () => {
      const key = decodeStep(() => keyText(record.key));
      const headers = new HeaderReader(record.headers);
      if (key === MANIFEST_KEY) {
        return this.#decodeManifest(record.value, headers);
      }
      if (!isSlotName(key)) {
        throw new MalformedError('the key is neither a slot name nor @manifest');
      }
      const event = await this.#decodeSlotEvent(record.value, headers);
      if (event.slot !== key) {
        throw new MalformedError(`the record is about slot ${event.slot}, but has another key`);
      }
      return event;
    });
  }

  decodeNodesRecord(
    record: StoredRecord,
  ): Promise<NodeStatus | NodeSlotStatus | NodeTombstone | MalformedRecord> {
    return orMalformed(record, async () => {
      const key = decodeStep(() => parseNodeKey(keyText(record.key)));
      const headers = new HeaderReader(record.headers);
      if (record.value === null) {
        const tombstone: NodeTombstone = { kind: 'node_tombstone', ...key };
        decodeStep(() => headers.mustAgree(nodeTombstoneHeaders(tombstone), nodeTombstoneAgreement));
        return tombstone;
      }
      const status = await this.#decodeNodeValue(key, record.value, headers);
      if (status.node !== key.node || (status.kind === 'node_slot' && status.slot !== key.slot)) {
        throw new MalformedError('the value is about another node or slot than the key');
      }
      return status;
    });
  }

  async #decodeSlotEvent(value: Uint8Array | null, headers: HeaderReader): Promise<SlotEvent> {
    if (value === null) {
      return decodeStep(() => readDropHeaders(headers));
    }
    const { fields, schema } = await this.#values.decode('SlotState', value);
    return decodeStep(() => {
      const event = readSlotEvent(fields);
      headers.mustAgree(slotEventHeaders(event, { schema }), slotEventAgreement);
      return event;
    });
  }

  async #decodeManifest(value: Uint8Array | null, headers: HeaderReader): Promise<Manifest> {
    if (value === null) {
      throw new MalformedError('a manifest is never deleted, but this is a tombstone');
    }
    const { fields, schema } = await this.#values.decode('Manifest', value);
    return decodeStep(() => {
      const manifest = readManifest(fields);
      headers.mustAgree(manifestHeaders(manifest, { schema }), manifestAgreement);
      return manifest;
    });
  }

  async #decodeNodeValue(
    key: NodeKey,
    value: Uint8Array,
    headers: HeaderReader,
  ): Promise<NodeStatus | NodeSlotStatus> {
    if (key.slot === undefined) {
      const { fields, schema } = await this.#values.decode('NodeStatus', value);
      return decodeStep(() => {
        const status = readNodeStatus(fields);
        headers.mustAgree(nodeStatusHeaders(status, { schema }), nodeAgreement);
        return status;
      });
    }
    const { fields, schema } = await this.#values.decode('NodeSlotStatus', value);
    return decodeStep(() => {
      const status = readNodeSlotStatus(fields);
      headers.mustAgree(nodeSlotStatusHeaders(status, { schema }), nodeSlotAgreement);
      return status;
    });
  }
}

function encodedRecord(key: string, value: Uint8Array | null, headers: HeaderTexts): EncodedRecord {
  return { key: new TextEncoder().encode(key), value, headers: headerBytes(headers) };
}

function keyText(key: Uint8Array | null): string {
  if (key === null) {
    throw new MalformedError('the record has no key');
  }
  return utf8Text('the key', key);
}

async function orMalformed<T>(record: StoredRecord, decode: () => Promise<T>): Promise<T | MalformedRecord> {
  try {
    return await decode();
  } catch (error) {
    if (error instanceof MalformedError) {
      return { kind: 'malformed', key: printableKey(record.key), reason: error.message };
    }
    throw error;
  }
}
