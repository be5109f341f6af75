import type { Type } from 'avsc';
import { bodyCheckOf } from './avro-body.ts';
import { parseAvroType } from './avro-type.ts';
import { FieldReader } from './field-reader.ts';
import {
  CONFLUENT_CONTENT_TYPE,
  confluentFrame,
  type Frame,
  readFrame,
  SINGLE_OBJECT_CONTENT_TYPE,
  singleObjectFrame,
} from './framing.ts';
import {
  currentSchema,
  loadPublishedSchemas,
  type PublishedSchema,
  SCHEMA_NAMESPACE,
  type SchemaName,
} from './published-schema.ts';
import { decodeStep, MalformedError } from './record.ts';
import type { SchemaRegistry } from './schema-registry.ts';

/** A value's bytes, and what its headers say about them. */
export interface EncodedValue {
  readonly bytes: Uint8Array;
  /** Fingerprint, or the registry's id. */
  readonly schema: string;
  readonly contentType: string;
}

export interface DecodedValue {
  readonly fields: FieldReader;
  /** Fingerprint, or the registry's id, that the value was framed with. */
  readonly schema: string;
}

/** Turns the body of a value written with one schema into fields of the current schema. */
type BodyReader = (body: Uint8Array) => unknown;

interface CurrentSchema {
  readonly published: PublishedSchema;
  readonly type: Type;
}

/** Avro bytes with their framing. With a registry it writes Confluent framing, else single objects; it reads both. */
export class ValueCodec {
  readonly #registry: SchemaRegistry | undefined;
  readonly #published: readonly PublishedSchema[] = loadPublishedSchemas();
  readonly #current = new Map<SchemaName, CurrentSchema>();
  readonly #readers = new Map<string, BodyReader>();

  constructor(registry: SchemaRegistry | undefined) {
    this.#registry = registry;
  }

  /**
   * Writes fields with the current version of the schema. Throws when they do not fit it; rejects with a SchemaRegistryError when
   * the registry does not take the schema.
   */
  async encode(topic: string, name: SchemaName, fields: object): Promise<EncodedValue> {
    const { published, type } = this.#currentOf(name);
    const body = type.toBuffer(fields);
    if (this.#registry === undefined) {
      const bytes = singleObjectFrame(published.fingerprint, body);
      return { bytes, schema: published.fingerprint, contentType: SINGLE_OBJECT_CONTENT_TYPE };
    }
    // TopicRecordNameStrategy: a slots topic carries two kinds of records, each evolving on its own.
    const id = await this.#registry.register(`${topic}-${SCHEMA_NAMESPACE}.${name}`, published.text);
    return { bytes: confluentFrame(id, body), schema: String(id), contentType: CONFLUENT_CONTENT_TYPE };
  }

  /**
   * Reads a value that has to be of the schema, in whichever version it was written. Rejects with a MalformedError when it is not,
   * with a SchemaRegistryError when the registry has to be asked and does not answer.
   */
  async decode(name: SchemaName, value: Uint8Array): Promise<DecodedValue> {
    const frame = decodeStep(() => readFrame(value));
    const schema = frame.kind === 'confluent' ? String(frame.schemaId) : frame.fingerprint;
    const readerKey = `${frame.kind} ${schema} ${name}`;
    let reader = this.#readers.get(readerKey);
    if (reader === undefined) {
      const text = await this.#writerSchemaText(frame, name);
      reader = decodeStep(() => this.#readerOf(text, name));
      this.#readers.set(readerKey, reader);
    }
    const readBody = reader;
    return { schema, fields: decodeStep(() => new FieldReader(readBody(frame.body), name)) };
  }

  async #writerSchemaText(frame: Frame, name: SchemaName): Promise<string> {
    if (frame.kind === 'single_object') {
      const schema = this.#published.find((published) => published.fingerprint === frame.fingerprint);
      if (schema === undefined) {
        throw new MalformedError(
          `the value has the unknown schema fingerprint ${frame.fingerprint}, not that of a published ${name}: if a newer slotcast wrote it, upgrade this one`,
        );
      }
      return schema.text;
    }
    if (this.#registry === undefined) {
      throw new MalformedError(
        `the value has Confluent framing with schema id ${frame.schemaId}, but no schema registry is configured: set SLOTCAST_SCHEMA_REGISTRY_URL`,
      );
    }
    const text = await this.#registry.schemaById(frame.schemaId);
    if (text === undefined) {
      throw new MalformedError(
        `the schema registry has no Avro schema with the value's id ${frame.schemaId}`,
      );
    }
    return text;
  }

  #readerOf(writerText: string, name: SchemaName): BodyReader {
    const expected = `${SCHEMA_NAMESPACE}.${name}`;
    const writer = parseAvroType(writerText);
    if (writer.name !== expected) {
      throw new RangeError(
        `the value has schema ${writer.name ?? writer.typeName}, but ${expected} belongs here`,
      );
    }
    const { type } = this.#currentOf(name);
    const resolver = type.createResolver(writer);
    const check = bodyCheckOf(writer);
    return (body) => {
      check(body);
      return type.fromBuffer(Buffer.from(body.buffer, body.byteOffset, body.length), resolver);
    };
  }

  #currentOf(name: SchemaName): CurrentSchema {
    let current = this.#current.get(name);
    if (current === undefined) {
      const published = currentSchema(this.#published, name);
      current = { published, type: parseAvroType(published.text) };
      this.#current.set(name, current);
    }
    return current;
  }
}
