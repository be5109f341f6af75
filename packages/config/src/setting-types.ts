import { parseSlotFilters, type SlotFilters } from '@slotcast/domain';
import { errorText, parseListen } from '@slotcast/kernel';
import { z } from 'zod';
import { parseBytes, parseDurationMs } from './units.ts';

/**
 * A setting read from text by `parse`; whatever it throws is a problem with the setting. Each type's message says what is expected and
 * never repeats the value, which may be a secret.
 */
function text<T>(expected: string, parse: (value: string) => T) {
  return z.string().transform((value, context): T => {
    try {
      return parse(value);
    } catch {
      context.issues.push({ code: 'custom', message: expected, input: value });
      return z.NEVER;
    }
  });
}

/** Text that fits a pattern. */
export function matching(expected: string, pattern: RegExp) {
  return text(expected, (value) => {
    if (!pattern.test(value)) {
      throw new RangeError(expected);
    }
    return value;
  });
}

/** Any text that is not empty. */
export const plainText = z.string().min(1, 'text');

/** Part of a topic name: Kafka's legal characters, short enough for the longest of slotcast's topics. */
export const topicNamePart = matching(
  '1 to 100 of the characters a-z, A-Z, 0-9, ".", "_" and "-"',
  /^[A-Za-z0-9._-]{1,100}$/,
);

/** A node's name is part of record keys (`<node>/<slot>`) and headers. */
export const nodeName = matching(
  '1 to 255 characters without "/", control characters and outer spaces',
  /^(?!\s)[^/\p{Cc}]{1,255}(?<!\s)$/u,
);

export const boolean = text('true or false', (value) => {
  switch (value.toLowerCase()) {
    case 'true':
    case 'on':
    case 'yes':
    case '1':
      return true;
    case 'false':
    case 'off':
    case 'no':
    case '0':
      return false;
    default:
      throw new RangeError('not a boolean');
  }
});

/** One word of a closed set, in any case. */
export function oneOf<const T extends readonly string[]>(words: T) {
  return text(`one of ${words.join(', ')}`, (value): T[number] => {
    const found = words.find((word) => word.toLowerCase() === value.toLowerCase());
    if (found === undefined) {
      throw new RangeError('not one of the words');
    }
    return found;
  });
}

/** A comma-separated list; empty text is an empty list. */
export function list(expected: string, item: RegExp) {
  return text(expected, (value): readonly string[] => {
    const items = value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    if (!items.every((part) => item.test(part))) {
      throw new RangeError(expected);
    }
    return items;
  });
}

/** Slot filters; the message is the parser's own, which names the entry. */
export const slotFilters = z.string().transform((value, context): SlotFilters => {
  try {
    return parseSlotFilters(value);
  } catch (error) {
    context.issues.push({
      code: 'custom',
      message: `slot filters such as name_like:%,!debug (${errorText(error)})`,
      input: value,
    });
    return z.NEVER;
  }
});

export interface Range {
  readonly min: number;
  readonly max: number;
}

function within(value: number, { min, max }: Range): number {
  if (!(value >= min && value <= max)) {
    throw new RangeError(`not in ${min} … ${max}`);
  }
  return value;
}

export function integer(range: Range) {
  return text(`a whole number from ${range.min} to ${range.max}`, (value) => {
    if (!/^[0-9]+$/.test(value)) {
      throw new RangeError('not a whole number');
    }
    return within(Number(value), range);
  });
}

export function decimal(range: Range) {
  return text(`a number from ${range.min} to ${range.max}`, (value) => {
    if (!/^[0-9]+(\.[0-9]+)?$/.test(value)) {
      throw new RangeError('not a number');
    }
    return within(Number(value), range);
  });
}

/** A time; the value is in milliseconds, a bare number in the text has the unit `bareUnit`. */
export function duration(bareUnit: 'ms' | 's', rangeMs: Range) {
  const example = bareUnit === 'ms' ? '20, 500ms or 2 s' : '60, 90s or 10 min';
  return text(`a time such as ${example}, from ${rangeMs.min} ms to ${rangeMs.max} ms`, (value) =>
    within(parseDurationMs(value, bareUnit), rangeMs),
  );
}

/** The same, or `off`, which is no value. */
export function durationOrOff(bareUnit: 'ms' | 's', rangeMs: Range) {
  const example = bareUnit === 'ms' ? '20, 500ms or 2 s' : '60, 90s or 10 min';
  return text(`off, or a time such as ${example}, from ${rangeMs.min} ms to ${rangeMs.max} ms`, (value) =>
    value === 'off' ? undefined : within(parseDurationMs(value, bareUnit), rangeMs),
  );
}

/** A size; the value is in bytes. */
export const bytes = text('a size such as 1048576, 64MB or 64 MiB', parseBytes);

export const listenAddress = text('an address such as 127.0.0.1:9477 or [::1]:9477, or off', parseListen);

/** A URL of one of these schemes, with one host at most. */
export function url(expected: string, schemes: readonly string[]) {
  return text(expected, (value) => {
    const parsed = new URL(value);
    if (!schemes.includes(parsed.protocol) || parsed.host.includes(',')) {
      throw new RangeError(expected);
    }
    return value;
  });
}
