import { chmod, copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresServer } from './postgres-server.ts';
import { temporaryFolder } from './run-folder.ts';

/** A folder for the library of an output plugin, `my_plugin`, which a test can take away from a server. */
export class PluginFolder {
  readonly library: string;
  /** With these a server finds the plugin. */
  readonly settings: { readonly dynamic_library_path: string };
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.library = join(folder, 'my_plugin.so');
    this.settings = { dynamic_library_path: `$libdir:${folder}` };
  }

  static async create(): Promise<PluginFolder> {
    return new PluginFolder(await temporaryFolder('plugins'));
  }

  /** Puts a library that comes with the server there under the plugin's name. */
  async install(server: PostgresServer, name = 'test_decoding'): Promise<void> {
    const [config] = await server.query<{ folder: string }>(
      "select setting as folder from pg_config where name = 'PKGLIBDIR'",
    );
    await copyFile(join(config?.folder ?? '', `${name}.so`), this.library);
    await chmod(this.library, 0o755);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
