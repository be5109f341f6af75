/** Things to be disposed of together, the last one first. */
export class Belongings implements AsyncDisposable {
  readonly #things: AsyncDisposable[] = [];

  /** Takes charge of a thing, and returns it. */
  own<T extends AsyncDisposable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let thing = this.#things.pop(); thing !== undefined; thing = this.#things.pop()) {
      await thing[Symbol.asyncDispose]();
    }
  }
}
