/**
 * A queue between code that produces values at its own pace and `for await`.
 *
 * @module
 */

/** A bounded queue with any number of iterators. */
export class AsyncQueue<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((result: IteratorResult<T>) => void)[] = [];
  readonly #max: number;
  readonly #changed: () => void;
  #iterators = 0;
  #isFull = false;
  #isEnded = false;

  /**
   * `changed` is called when the queue becomes full or has room again, when the first iterator comes and when
   * the last one goes; never after the end.
   */
  constructor(max: number, changed: () => void) {
    this.#max = max;
    this.#changed = changed;
  }

  /** Whether somebody iterates. */
  get isActive(): boolean {
    return this.#iterators > 0;
  }

  /** Whether it has reached its bound; a further value is taken nevertheless. */
  get isFull(): boolean {
    return this.#isFull;
  }

  push(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value, done: false });
    this.#values.push(value);
    if (this.#values.length < this.#max || this.#isFull) return;
    this.#isFull = true;
    this.#tell();
  }

  /** No further value comes; those in the queue can still be taken. */
  end(): void {
    this.#isEnded = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }

  /** Takes out the values that no iterator has taken. */
  clear(): T[] {
    return this.#values.splice(0);
  }

  iterate(): AsyncIterableIterator<T> {
    let isOver = false;
    this.#iterators += 1;
    if (this.#iterators === 1) this.#tell();
    const finish = (): IteratorResult<T> => {
      if (!isOver) {
        isOver = true;
        this.#iterators -= 1;
        if (this.#iterators === 0) this.#tell();
      }
      return { value: undefined, done: true };
    };
    return {
      next: async () => {
        if (isOver) return finish();
        const result = await this.#next();
        return result.done === true ? finish() : result;
      },
      return: () => Promise.resolve(finish()),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #next(): IteratorResult<T> | Promise<IteratorResult<T>> {
    if (this.#values.length > 0) {
      const value = this.#values.shift()!;
      if (this.#isFull) {
        this.#isFull = false;
        this.#tell();
      }
      return { value, done: false };
    }
    if (this.#isEnded) return { value: undefined, done: true };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    if (!this.#isEnded) this.#changed();
  }
}
