import { parseLsn } from '@slotcast/domain';
import type { PublishedRecord } from './tenure-watch.ts';

const utf8 = new TextDecoder();

/** Where a record of the slots topic comes from, by its headers, which say it for every reader; `undefined` where they do not. */
export function readOrigin(headers: ReadonlyMap<string, Uint8Array>): PublishedRecord | undefined {
  const text = (name: string): string => utf8.decode(headers.get(name));
  const [node, epoch, timeline, lsn] = [text('node'), text('epoch'), text('timeline'), text('lsn')];
  return node === '' || lsn === ''
    ? undefined
    : { node, epoch: Number(epoch), timeline: Number(timeline), lsn: Number(parseLsn(lsn)) };
}

/** The node that a record of the nodes topic tells of as a standby; `undefined` for any other record. */
export function readStandby(headers: ReadonlyMap<string, Uint8Array>): string | undefined {
  const text = (name: string): string => utf8.decode(headers.get(name));
  return text('role') === 'standby' ? text('node') : undefined;
}
