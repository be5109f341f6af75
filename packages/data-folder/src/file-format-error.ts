/** What is wrong with the bytes of a file of PostgreSQL. */
export type FileFault =
  /** Fewer bytes than there must be. */
  | 'short'
  /** More bytes than there may be. */
  | 'long'
  | 'magic'
  | 'version'
  /** The length that the file gives of itself. */
  | 'length'
  | 'checksum'
  /** Bytes that must be zero are not. */
  | 'padding'
  | 'persistency'
  | 'invalidation'
  | 'flag'
  | 'name'
  | 'position'
  | 'timeline'
  | 'state'
  | 'wal_level'
  | 'system'
  /** The file or page belongs elsewhere, as with a segment that was recycled and not yet written. */
  | 'address'
  | 'size';

/** Bytes that are not what PostgreSQL would have written. The message says what is wrong, not which file it was. */
export class FileFormatError extends Error {
  override readonly name = 'FileFormatError';
  readonly fault: FileFault;

  constructor(fault: FileFault, message: string) {
    super(message);
    this.fault = fault;
  }
}
