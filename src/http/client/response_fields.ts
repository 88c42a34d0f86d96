/**
 * The fields of an answer, or of its trailers.
 *
 * @module
 */
import type { ResponseFields } from "./types.ts";

/** Fields as two lists side by side; names are in lower case. */
export class FieldList implements ResponseFields {
  readonly #names: readonly string[];
  readonly #values: readonly string[];

  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#values = values;
  }

  get size(): number {
    return this.#names.length;
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const first = this.#names.indexOf(wanted);
    if (first < 0) return undefined;
    return this.#names.indexOf(wanted, first + 1) < 0 ? this.#values[first] : this.getAll(name).join(", ");
  }

  getAll(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.#values.filter((_, index) => this.#names[index] === wanted);
  }

  has(name: string): boolean {
    return this.#names.includes(name.toLowerCase());
  }

  *[Symbol.iterator](): Iterator<[name: string, value: string]> {
    for (let index = 0; index < this.#names.length; index++) {
      yield [this.#names[index], this.#values[index]];
    }
  }
}

/** No fields: the trailers of most answers. */
export const noFields: ResponseFields = new FieldList([], []);
