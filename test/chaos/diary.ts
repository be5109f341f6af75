/** How long an act of a history may take when nothing else is said: longer than any wait inside of it, which knows better what it waited for. */
const ACT_TIMEOUT_MS = 150_000;

interface Entry {
  readonly act: string;
  readonly beginMs: number;
  endMs: number | undefined;
  failed: boolean;
}

/** What was done in a history, and when. No act may take for ever: whatever waits for a process that is frozen or gone is given up, and named. */
export class Diary {
  readonly #now: () => number;
  readonly #begunMs: number;
  readonly #entries: Entry[] = [];
  #isGivenUp = false;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#begunMs = now();
  }

  /** Does it, and writes that down. Throws when it does not end in time; what it still does then is ignored. Of a history that was given up nothing is begun. */
  async act<T>(act: string, work: () => Promise<T>, timeoutMs = ACT_TIMEOUT_MS): Promise<T> {
    if (this.#isGivenUp) {
      throw new Error(`the history was given up before: ${act}`);
    }
    return await this.clearUp(act, work, timeoutMs);
  }

  /** The same of what has to be done at the end of every history. */
  async clearUp<T>(act: string, work: () => Promise<T>, timeoutMs = ACT_TIMEOUT_MS): Promise<T> {
    const entry: Entry = { act, beginMs: this.#sinceBegin(), endMs: undefined, failed: true };
    this.#entries.push(entry);
    try {
      const result = await inTime(work(), timeoutMs, () => this.#late(act, timeoutMs));
      entry.failed = false;
      return result;
    } finally {
      entry.endMs = this.#sinceBegin();
    }
  }

  /** The same for all of them together, which is no act. */
  async history<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
    return await inTime(work(), timeoutMs, () => {
      this.#isGivenUp = true;
      return this.#late('the history', timeoutMs);
    });
  }

  /** Every act with its time, a line each; what never ended is said to be under way. */
  text(): string {
    return this.#entries.map((entry) => `${seconds(entry.beginMs)}: ${tell(entry)}`).join('\n');
  }

  #late(what: string, timeoutMs: number): string {
    const underWay = this.#entries
      .filter(({ endMs }) => endMs === undefined)
      .map(({ act, beginMs }) => `${act}, since ${seconds(this.#sinceBegin() - beginMs)}`);
    return `${what} did not end within ${seconds(timeoutMs)}; under way: ${underWay.join('; ') || 'nothing'}`;
  }

  #sinceBegin(): number {
    return this.#now() - this.#begunMs;
  }
}

function tell({ act, beginMs, endMs, failed }: Entry): string {
  return endMs === undefined
    ? `${act} (under way)`
    : `${act} (${seconds(endMs - beginMs)}${failed ? ', failed' : ''})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function inTime<T>(work: Promise<T>, timeoutMs: number, late: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late())), timeoutMs);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
