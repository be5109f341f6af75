import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ControlFile,
  segmentAt,
  type WalShape,
  type WalSource,
  walFileName,
} from '@slotcast/data-folder';
import { type TimelineHistory, timelineAt } from '@slotcast/domain';
import { systemCode } from './file-error.ts';

export const WAL_FOLDER = 'pg_wal';

export function walShapeOf({ major, systemIdentifier, walSegmentSize, walPageSize }: ControlFile): WalShape {
  return { major, systemIdentifier, segmentSize: walSegmentSize, pageSize: walPageSize };
}

/** The WAL in `pg_wal` of a server that is on a timeline with this history. To be disposed of. */
export class FolderWal implements Disposable {
  readonly source: WalSource;
  readonly #folder: string;
  readonly #history: TimelineHistory;
  /** The file that was read last. */
  #open: { readonly name: string; readonly descriptor: number } | undefined;

  constructor(options: {
    readonly path: string;
    readonly control: ControlFile;
    readonly history: TimelineHistory;
  }) {
    this.#folder = join(options.path, WAL_FOLDER);
    this.#history = options.history;
    this.source = {
      shape: walShapeOf(options.control),
      timelineAt: (address) => timelineAt(options.history, address),
      page: (address) => this.#page(address),
    };
  }

  [Symbol.dispose](): void {
    if (this.#open !== undefined) {
      closeSync(this.#open.descriptor);
      this.#open = undefined;
    }
  }

  #page(address: bigint): Buffer | undefined {
    const { segmentSize, pageSize } = this.source.shape;
    const descriptor = this.#file(walFileName(segmentAt(this.#history, address, segmentSize), segmentSize));
    if (descriptor === undefined) {
      return undefined;
    }
    const page = Buffer.alloc(pageSize);
    const length = readSync(descriptor, page, 0, pageSize, Number(address % BigInt(segmentSize)));
    return length === pageSize ? page : undefined;
  }

  #file(name: string): number | undefined {
    if (this.#open?.name === name) {
      return this.#open.descriptor;
    }
    this[Symbol.dispose]();
    try {
      const descriptor = openSync(join(this.#folder, name), 'r');
      this.#open = { name, descriptor };
      return descriptor;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }
}
