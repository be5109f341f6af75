import { type Codec, createCodec, type StoredRecord } from '@slotcast/event-schema';

/** Decodes each record once for all who read it: the brokers hand the same object to all readers. */
class CachedCodec implements Codec {
  readonly #codec: Codec;
  readonly encodeSlotEvent: Codec['encodeSlotEvent'];
  readonly encodeManifest: Codec['encodeManifest'];
  readonly encodeNodeStatus: Codec['encodeNodeStatus'];
  readonly encodeNodeSlotStatus: Codec['encodeNodeSlotStatus'];
  readonly encodeTombstone: Codec['encodeTombstone'];
  readonly #slots = new WeakMap<StoredRecord, ReturnType<Codec['decodeSlotsRecord']>>();
  readonly #nodes = new WeakMap<StoredRecord, ReturnType<Codec['decodeNodesRecord']>>();

  constructor(codec: Codec) {
    this.#codec = codec;
    this.encodeSlotEvent = codec.encodeSlotEvent.bind(codec);
    this.encodeManifest = codec.encodeManifest.bind(codec);
    this.encodeNodeStatus = codec.encodeNodeStatus.bind(codec);
    this.encodeNodeSlotStatus = codec.encodeNodeSlotStatus.bind(codec);
    this.encodeTombstone = codec.encodeTombstone.bind(codec);
  }

  decodeSlotsRecord(record: StoredRecord): ReturnType<Codec['decodeSlotsRecord']> {
    const known = this.#slots.get(record) ?? this.#codec.decodeSlotsRecord(record);
    this.#slots.set(record, known);
    return known;
  }

  decodeNodesRecord(record: StoredRecord): ReturnType<Codec['decodeNodesRecord']> {
    const known = this.#nodes.get(record) ?? this.#codec.decodeNodesRecord(record);
    this.#nodes.set(record, known);
    return known;
  }
}

/** The one codec of all worlds. */
export const sharedCodec: Codec = new CachedCodec(createCodec());
