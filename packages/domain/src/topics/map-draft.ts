/** A map to be changed; it stays the same map as long as nothing in it becomes another value. */
export class MapDraft<Key, Value> {
  readonly #base: ReadonlyMap<Key, Value>;
  #copy: Map<Key, Value> | undefined;

  constructor(base: ReadonlyMap<Key, Value>) {
    this.#base = base;
  }

  /** The map with all changes so far. */
  get map(): ReadonlyMap<Key, Value> {
    return this.#copy ?? this.#base;
  }

  /** `undefined` takes the key out. */
  set(key: Key, value: Value | undefined): void {
    if (this.map.get(key) === value) {
      return;
    }
    this.#copy ??= new Map(this.#base);
    if (value === undefined) {
      this.#copy.delete(key);
    } else {
      this.#copy.set(key, value);
    }
  }
}
