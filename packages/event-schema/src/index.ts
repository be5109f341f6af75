export { type Codec, type CodecOptions, createCodec } from './codec.ts';
export { canonicalForm, crc64Avro, schemaFingerprint } from './fingerprint.ts';
export { type NodeKey, nodeKey, nodeSlotKey, parseNodeKey, parseNodeName } from './node-key.ts';
export {
  loadPublishedSchemas,
  type PublishedSchema,
  type SchemaName,
  schemaNames,
} from './published-schema.ts';
export type { EncodedRecord, MalformedRecord, StoredRecord } from './record.ts';
export { SchemaRegistry, SchemaRegistryError, type SchemaRegistryOptions } from './schema-registry.ts';
