import { isUtf8 } from 'node:buffer';
import type { Type } from 'avsc';
import avsc from 'avsc';

// avsc is CommonJS, and Node finds none of its names but the default.
const { types } = avsc;

/** Reads past one value in `bytes` from `position` and returns the position after it. Throws a RangeError on bytes that are no such value. */
type Check = (bytes: Uint8Array, position: number) => number;

/**
 * Makes a check that bytes are exactly one value of the Avro type. avsc trusts what it reads: it turns bad UTF-8 into
 * replacement characters, any byte into a boolean, and a damaged array size into a loop that fills the memory. The check throws
 * a RangeError on all of these, on values that are cut short and on trailing bytes.
 */
export function bodyCheckOf(type: Type): (bytes: Uint8Array) => void {
  const check = checkOf(type, new Map());
  return (bytes) => {
    const end = check(bytes, 0);
    if (end !== bytes.length) {
      throw new RangeError(`${bytes.length - end} bytes too many after the value`);
    }
  };
}

function checkOf(type: Type, known: Map<Type, Check>): Check {
  const made = known.get(type);
  if (made !== undefined) {
    return made;
  }
  if (type instanceof types.RecordType) {
    // A record may contain itself, so it is known before its fields are.
    const fields: Check[] = [];
    const check: Check = (bytes, position) => fields.reduce((at, field) => field(bytes, at), position);
    known.set(type, check);
    fields.push(...type.fields.map((field) => checkOf(field.type, known)));
    return check;
  }
  return checkOfUnnamed(type, known);
}

function checkOfUnnamed(type: Type, known: Map<Type, Check>): Check {
  if (type instanceof types.UnwrappedUnionType || type instanceof types.WrappedUnionType) {
    return unionCheck(type.types.map((branch) => checkOf(branch, known)));
  }
  if (type instanceof types.ArrayType) {
    return blocksCheck(checkOf(type.itemsType, known));
  }
  if (type instanceof types.MapType) {
    const value = checkOf(type.valuesType, known);
    return blocksCheck((bytes, position) => value(bytes, textCheck(bytes, position)));
  }
  if (type instanceof types.EnumType) {
    return indexCheck(type.symbols.length);
  }
  if (type instanceof types.FixedType) {
    return sizeCheck(type.size);
  }
  return primitiveCheck(type.typeName);
}

function primitiveCheck(typeName: string): Check {
  switch (typeName) {
    case 'null':
      return sizeCheck(0);
    case 'boolean':
      return booleanCheck;
    case 'int':
    case 'long':
    case 'abstract:long':
      return (bytes, position) => readLong(bytes, position).end;
    case 'float':
      return sizeCheck(4);
    case 'double':
      return sizeCheck(8);
    case 'bytes':
      return (bytes, position) => readSized(bytes, position).end;
    case 'string':
      return textCheck;
    default:
      throw new TypeError(`an Avro type that is not supported: ${typeName}`);
  }
}

function sizeCheck(size: number): Check {
  return (bytes, position) => {
    if (bytes.length - position < size) {
      throw new RangeError(`the value is cut short at byte ${position}`);
    }
    return position + size;
  };
}

function booleanCheck(bytes: Uint8Array, position: number): number {
  const byte = bytes[position];
  if (byte !== 0 && byte !== 1) {
    throw new RangeError(`no boolean at byte ${position}`);
  }
  return position + 1;
}

function textCheck(bytes: Uint8Array, position: number): number {
  const { start, end } = readSized(bytes, position);
  if (!isUtf8(bytes.subarray(start, end))) {
    throw new RangeError(`the text at byte ${start} is not UTF-8`);
  }
  return end;
}

function readSized(bytes: Uint8Array, position: number): { start: number; end: number } {
  const { value: size, end: start } = readLong(bytes, position);
  if (size < 0 || size > bytes.length - start) {
    throw new RangeError(`impossible size ${size} at byte ${position}`);
  }
  return { start, end: start + size };
}

function indexCheck(count: number): Check {
  return (bytes, position) => {
    const { value: index, end } = readLong(bytes, position);
    if (index < 0 || index >= count) {
      throw new RangeError(`impossible choice ${index} of ${count} at byte ${position}`);
    }
    return end;
  };
}

function unionCheck(branches: readonly Check[]): Check {
  return (bytes, position) => {
    const { value: index, end } = readLong(bytes, position);
    const branch = branches[index];
    if (branch === undefined) {
      throw new RangeError(`impossible choice ${index} of ${branches.length} at byte ${position}`);
    }
    return branch(bytes, end);
  };
}

function blocksCheck(item: Check): Check {
  return (bytes, position) => {
    let at = position;
    while (true) {
      const { value: size, end } = readLong(bytes, at);
      if (size === 0) {
        return end;
      }
      // A negative size says that the block's length in bytes follows.
      at = size < 0 ? readLong(bytes, end).end : end;
      const count = Math.abs(size);
      // An item of slotcast's schemas has one byte at least, so this bounds the loop without refusing any real record.
      if (count > bytes.length - at) {
        throw new RangeError(`impossible number of items ${count} at byte ${position}`);
      }
      for (let index = 0; index < count; index += 1) {
        at = item(bytes, at);
      }
    }
  };
}

/** A zigzag variable-length integer, rounded when beyond 2^53: good enough for sizes and for finding its end. */
function readLong(bytes: Uint8Array, position: number): { value: number; end: number } {
  let magnitude = 0;
  let weight = 1;
  for (let at = position; at < position + 10; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) {
      throw new RangeError(`the value is cut short at byte ${at}`);
    }
    magnitude += (byte & 0x7f) * weight;
    weight *= 128;
    if (byte < 0x80) {
      const negative = magnitude % 2 === 1;
      return { value: negative ? -(magnitude + 1) / 2 : magnitude / 2, end: at + 1 };
    }
  }
  throw new RangeError(`a number of more than ten bytes at byte ${position}`);
}
