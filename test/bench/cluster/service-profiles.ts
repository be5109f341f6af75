import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ServiceProcess } from '../../support/service-process.ts';

const PROFILE_HOOK = new URL('profile-hook.mjs', import.meta.url).href;

interface Services {
  readonly publisher: ServiceProcess;
  readonly consumer: ServiceProcess;
}

/** Has the services write profiles of each window into a folder, and keeps beside them what they count of themselves. */
export class ServiceProfiles {
  readonly environment: Readonly<Record<string, string>>;
  readonly #folder: string;
  #windows = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.environment = {
      NODE_OPTIONS: `--import ${PROFILE_HOOK}`,
      SLOTCAST_TEST_PROFILE_FOLDER: folder,
    };
  }

  /** `undefined` when no folder is given. */
  static async into(folder: string | undefined): Promise<ServiceProfiles | undefined> {
    if (folder === undefined) {
      return undefined;
    }
    const path = resolve(folder);
    await mkdir(path, { recursive: true });
    return new ServiceProfiles(path);
  }

  /** Begins a profile, or ends and writes the one that was begun. */
  toggle({ publisher, consumer }: Services): void {
    publisher.process.signal('SIGUSR2');
    consumer.process.signal('SIGUSR2');
  }

  async saveMetrics({ publisher, consumer }: Services): Promise<void> {
    this.#windows += 1;
    for (const [name, service] of Object.entries({ publisher, consumer })) {
      const file = `${name}-${service.process.pid}-${this.#windows}.metrics.txt`;
      await writeFile(join(this.#folder, file), (await service.get('/metrics'))?.body ?? '');
    }
  }
}
