import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A small text in a folder of the node: written beside, flushed, and renamed, so that a crash leaves this one or the one before. */
export class FolderStateFile {
  readonly #path: string;

  constructor(folder: string, { cluster, node }: { readonly cluster: string; readonly node: string }) {
    this.#path = join(folder, `${encodeURIComponent(`${cluster}.${node}`)}.state`);
  }

  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }

  async write(text: string): Promise<void> {
    const beside = `${this.#path}.${process.pid}`;
    await flushed(beside, 'w', (file) => file.writeFile(text));
    await rename(beside, this.#path);
    await flushed(dirname(this.#path), 'r', () => Promise.resolve());
  }
}

async function flushed(
  path: string,
  flags: 'r' | 'w',
  work: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await work(file);
    await file.sync();
  } finally {
    await file.close();
  }
}
