/** What happened, as a hash that tells whether two runs took the same course, and in words when they are wanted. */
export class Trace {
  readonly lines: string[] = [];
  /** Whether there are lines besides the hash. */
  readonly keepsLines: boolean;
  #high = 0x811c9dc5;
  #low = 0x01000193;

  constructor(keeps: boolean) {
    this.keepsLines = keeps;
  }

  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }

  add(at: number, process: string, what: string): void {
    this.#mix(Math.floor(at * 1000));
    this.#mixText(process);
    this.#mixText(what);
    if (this.keepsLines) {
      this.lines.push(`${at.toFixed(3)} ${process} ${what}`);
    }
  }

  #mixText(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      this.#high = Math.imul(this.#high ^ text.charCodeAt(index), 0x01000193);
    }
    this.#mix(text.length);
  }

  #mix(number: number): void {
    this.#high = Math.imul(this.#high ^ number, 0x01000193);
    this.#low = Math.imul(this.#low ^ this.#high, 0x85ebca6b) ^ (this.#high >>> 13);
  }
}
