import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Story } from '../story/act.ts';
import type { Violation } from '../types.ts';
import type { Mutation } from './mutations.ts';

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url));
const REGISTER = new URL('register.mjs', import.meta.url).href;
const MAIN = fileURLToPath(new URL('mutant-main.ts', import.meta.url));

/** A process that runs stories with mutated sources. Nothing of the checkout changes. */
export class Mutant {
  readonly #child: ChildProcess;

  constructor({ edits }: Mutation) {
    this.#child = spawn(
      process.execPath,
      ['--conditions=source', '--import', REGISTER, '--import', 'tsx', MAIN],
      {
        cwd: CHECKOUT,
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...process.env, SLOTCAST_SIMULATION_EDITS: JSON.stringify(edits) },
      },
    );
  }

  /** What a story breaks. One at a time. Rejects when the process has ended. */
  run(story: Story): Promise<readonly Violation[]> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('the mutant has ended'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (violations: readonly Violation[]) => {
        this.#child.off('exit', onExit);
        resolve(violations);
      });
      this.#child.send(story);
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
  }
}
