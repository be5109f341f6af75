import type { WriteStream } from 'node:tty';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const FRAME_MS = 100;
const USUAL_COLUMNS = 80;

/** Where the talk goes: stderr. */
export type TalkStream = Pick<WriteStream, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export interface Step<T> {
  /** What is being done, in the present. */
  readonly doing: string;
  readonly work: () => Promise<T>;
  /** What is so now; takes the line of `doing`. */
  readonly done: (result: T) => string;
  /** How far it is; shown on a terminal only. */
  readonly detail?: () => string;
}

/**
 * Tells what happens as it happens: on a terminal a line with a spinner that is rewritten until its step is done, elsewhere plain
 * lines with the time.
 */
export class Talk {
  readonly #stream: TalkStream;
  readonly #isTerminal: boolean;
  readonly #isColoured: boolean;
  #spinning: { readonly timer: NodeJS.Timeout; readonly line: () => string } | undefined;

  constructor(stream: TalkStream, environment: NodeJS.ProcessEnv) {
    this.#stream = stream;
    this.#isTerminal = stream.isTTY === true && environment['TERM'] !== 'dumb';
    this.#isColoured = this.#isTerminal && (environment['NO_COLOR'] ?? '') === '';
  }

  /** Begins a chapter. */
  title(text: string): void {
    this.#print(this.#isTerminal ? `\n${this.#paint('1', text)}` : `${clockTime()}  ${text}`);
  }

  /** Says one thing that is so. */
  say(text: string): void {
    this.#print(this.#isTerminal ? `  ${this.#paint('32', '✔')} ${text}` : `${clockTime()}    ${text}`);
  }

  /** Says one thing that went wrong. */
  complain(text: string): void {
    this.#print(
      this.#isTerminal ? `  ${this.#paint('31', '✘')} ${text}` : `${clockTime()}    failed: ${text}`,
    );
  }

  /** Says one thing in the middle of a step that will not end. */
  interrupt(text: string): void {
    this.#stopSpinning();
    this.complain(text);
  }

  /** Prints lines that are not of this talk, such as the end of a log. */
  quote(text: string): void {
    this.#print(text.replaceAll(/^/gm, '    | '));
  }

  /** Says what is being done, does it, and says what came of it. Steps do not nest. */
  async step<T>({ doing, work, done, detail }: Step<T>): Promise<T> {
    const startedAt = performance.now();
    // Begun first, so that `detail` does not show what is left from the step before.
    const working = work();
    if (this.#isTerminal) {
      this.#spin(() => `${doing} … ${detail?.() ?? ''}`.trimEnd());
    } else {
      this.#print(`${clockTime()}    ${doing} …`);
    }
    try {
      const result = await working;
      this.#stopSpinning();
      this.say(`${done(result)}${this.#paint('2', took(performance.now() - startedAt))}`);
      return result;
    } catch (error) {
      this.#stopSpinning();
      this.complain(`${doing}${this.#paint('2', took(performance.now() - startedAt))}`);
      throw error;
    }
  }

  #spin(line: () => string): void {
    const timer = setInterval(() => this.#drawSpinner(), FRAME_MS);
    timer.unref();
    this.#spinning = { timer, line };
    this.#drawSpinner();
  }

  #stopSpinning(): void {
    if (this.#spinning !== undefined) {
      clearInterval(this.#spinning.timer);
      this.#spinning = undefined;
      this.#eraseLine();
    }
  }

  #drawSpinner(): void {
    if (this.#spinning !== undefined) {
      const frame = FRAMES[Math.floor(performance.now() / FRAME_MS) % FRAMES.length] ?? '';
      // A line that wraps could not be rewritten. A terminal that does not know its size says 0.
      const columns = this.#stream.columns ?? 0;
      const width = Math.max((columns > 0 ? columns : USUAL_COLUMNS) - 5, 1);
      const line = this.#spinning.line().slice(0, width);
      this.#stream.write(`\r\u001B[K  ${this.#paint('36', frame)} ${line}`);
    }
  }

  #eraseLine(): void {
    this.#stream.write('\r\u001B[K');
  }

  #print(text: string): void {
    if (this.#spinning !== undefined) {
      this.#eraseLine();
    }
    this.#stream.write(`${text}\n`);
    this.#drawSpinner();
  }

  #paint(style: string, text: string): string {
    return this.#isColoured ? `\u001B[${style}m${text}\u001B[0m` : text;
  }
}

/** The time of day in UTC, with milliseconds. */
function clockTime(): string {
  return new Date().toISOString().slice(11, 23);
}

function took(ms: number): string {
  return ms < 100 ? '' : ` (${(ms / 1000).toFixed(1)} s)`;
}
