/** How a value names the schema it was written with. */
export type Frame =
  | { readonly kind: 'single_object'; readonly fingerprint: string; readonly body: Uint8Array }
  | { readonly kind: 'confluent'; readonly schemaId: number; readonly body: Uint8Array };

export const SINGLE_OBJECT_CONTENT_TYPE = 'application/avro; framing=single-object';
export const CONFLUENT_CONTENT_TYPE = 'application/avro; framing=confluent';

const SINGLE_OBJECT_HEADER_BYTES = 10;
const CONFLUENT_HEADER_BYTES = 5;

/** Avro single-object encoding: C3 01, the fingerprint (16 hexadecimal digits) little-endian, the body. */
export function singleObjectFrame(fingerprint: string, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(SINGLE_OBJECT_HEADER_BYTES + body.length);
  bytes.writeUInt16BE(0xc301, 0);
  bytes.writeBigUInt64LE(BigInt(`0x${fingerprint}`), 2);
  bytes.set(body, SINGLE_OBJECT_HEADER_BYTES);
  return bytes;
}

/** Wire format of Confluent's serializers: a zero byte, the registry's schema id big-endian, the body. */
export function confluentFrame(schemaId: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(CONFLUENT_HEADER_BYTES + body.length);
  bytes.writeUInt32BE(schemaId, 1);
  bytes.set(body, CONFLUENT_HEADER_BYTES);
  return bytes;
}

/** Recognizes a framing by its first bytes. Throws a RangeError when it is neither. */
export function readFrame(value: Uint8Array): Frame {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length >= SINGLE_OBJECT_HEADER_BYTES && bytes.readUInt16BE(0) === 0xc301) {
    const fingerprint = bytes.readBigUInt64LE(2).toString(16).padStart(16, '0');
    return { kind: 'single_object', fingerprint, body: bytes.subarray(SINGLE_OBJECT_HEADER_BYTES) };
  }
  if (bytes.length >= CONFLUENT_HEADER_BYTES && bytes[0] === 0) {
    return {
      kind: 'confluent',
      schemaId: bytes.readUInt32BE(1),
      body: bytes.subarray(CONFLUENT_HEADER_BYTES),
    };
  }
  const start = bytes.subarray(0, SINGLE_OBJECT_HEADER_BYTES).toString('hex');
  throw new RangeError(
    `the value is neither an Avro single object (c301…) nor in Confluent framing (00…): ${bytes.length} bytes starting with ${start}`,
  );
}
