import { type Reason } from '@slotcast/domain';
import type { FieldReader } from './field-reader.ts';

/** A reason as fields of `io.slotcast.Reason`. */
export function reasonFields({ code, facts }: Reason): object {
  return { code, facts: { ...facts } };
}

/** Reads what `reasonFields` wrote, whatever the code: one that is not known is shown as it is. */
export function readReason(fields: FieldReader): Reason {
  return { code: fields.text('code'), facts: fields.texts('facts') };
}

export function readReasons(fields: FieldReader, name: string): readonly Reason[] {
  return fields.records(name).map(readReason);
}

export function readOptionalReason(fields: FieldReader, name: string): Reason | undefined {
  const record = fields.optionalRecord(name);
  return record === undefined ? undefined : readReason(record);
}
