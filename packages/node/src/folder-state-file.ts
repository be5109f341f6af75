import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A file that is being written is renamed within moments; what is older was left by a process that was killed. */
const LEFT_MS = 60_000;

/**
 * A small text in a folder of the node: written beside, flushed, and renamed, so that a crash leaves this one or the one before. What a killed process left beside is removed by the next
 * one that writes.
 */
export class FolderStateFile {
  readonly #path: string;
  #isTidy = false;

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
    await this.#tidy();
    // Processes of other containers have the same process id.
    const beside = `${this.#path}.${randomUUID()}`;
    await flushed(beside, 'w', (file) => file.writeFile(text));
    await rename(beside, this.#path);
    await flushed(dirname(this.#path), 'r', () => Promise.resolve());
  }

  async #tidy(): Promise<void> {
    if (this.#isTidy) {
      return;
    }
    const folder = dirname(this.#path);
    const beside = `${basename(this.#path)}.`;
    for (const name of (await readdir(folder)).filter((each) => each.startsWith(beside))) {
      const path = join(folder, name);
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > LEFT_MS) {
        await rm(path, { force: true });
      }
    }
    this.#isTidy = true;
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
