/**
 * `Headers` as the Fetch standard has them: a list of fields, sorted and combined only while iterating. Those
 * of a request read single fields from the received head and make the list on demand.
 *
 * @module
 */
import { headerName, headerValue, wantArguments } from "./convert.ts";
import { inspectSymbol, RuntimeHeaders, standIn } from "./runtime.ts";

/** Where the fields of a received head come from. */
export interface FieldSource {
  header(name: string): string | undefined;
  headers(): Iterable<readonly [name: string, value: string]>;
}

type Field = [name: string, value: string];
type FieldPart<T> = (field: Field) => T;

/** The fields of ours, without sorting or copying. */
export let fieldsOf: (headers: LightHeaders) => { readonly names: string[]; readonly values: string[] };
/** Headers of a received head, which cannot be changed. */
export let receivedHeaders: (source: FieldSource) => LightHeaders;
/** Reads a received head from another source from now on, unless its list is made already. */
export let readFrom: (headers: LightHeaders, source: FieldSource) => void;
/** Makes the list of a received head, whose source is about to end. */
export let keepFields: (headers: LightHeaders) => void;
/** Adds a field, of a checked name in lower case, unless there is one of its name. */
export let addField: (headers: LightHeaders, lower: string, value: string) => void;
/** Forbids changes from now on. */
export let freeze: (headers: LightHeaders) => LightHeaders;

const setCookie = "set-cookie";
const { propertyIsEnumerable: isEnumerable } = Object.prototype;

/** `Headers`. Its methods are those of the standard, with Bun's own where the runtime is Bun. */
export class LightHeaders {
  #names: string[] = [];
  #values: string[] = [];
  /** The received head, until the list is made of it. */
  #source: FieldSource | null = null;
  #isFrozen = false;
  /** Sorted and combined; null after a change. */
  #sorted: Field[] | null = null;

  static {
    fieldsOf = (headers) => {
      headers.#load();
      return { names: headers.#names, values: headers.#values };
    };
    receivedHeaders = (source) => {
      const headers = new LightHeaders();
      headers.#source = source;
      headers.#isFrozen = true;
      return headers;
    };
    readFrom = (headers, source) => {
      if (headers.#source !== null) headers.#source = source;
    };
    keepFields = (headers) => headers.#load();
    addField = (headers, lower, value) => {
      if (headers.#names.includes(lower)) return;
      headers.#sorted = null;
      headers.#names.push(lower);
      headers.#values.push(value);
    };
    freeze = (headers) => {
      headers.#isFrozen = true;
      return headers;
    };
  }

  constructor(init: HeadersInit | undefined = undefined) {
    if (init !== undefined) this.#fill(init);
  }

  #fill(init: unknown): void {
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      throw new TypeError("headers must be an object or an iterable of pairs");
    }
    if (#names in init) {
      (init as LightHeaders).#load();
      this.#names = [...(init as LightHeaders).#names];
      this.#values = [...(init as LightHeaders).#values];
      return;
    }
    const iterate = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator];
    if (iterate !== undefined && iterate !== null) {
      for (const pair of init as Iterable<unknown>) this.#takePair(pair);
      return;
    }
    const record = init as Record<string, unknown>;
    for (const name of Object.keys(record)) {
      this.#names.push(headerName(name));
      this.#values.push(headerValue(record[name]));
    }
    const symbols = Object.getOwnPropertySymbols(record);
    if (symbols.length > 0 && symbols.some((key) => isEnumerable.call(record, key))) {
      throw new TypeError("the name of a header must not be a symbol");
    }
  }

  #takePair(pair: unknown): void {
    if (typeof pair !== "object" || pair === null) {
      throw new TypeError("a header must be a pair of name and value");
    }
    const parts = Array.isArray(pair) ? pair : [...pair as Iterable<unknown>];
    if (parts.length !== 2) {
      throw new TypeError(`a header must be a pair of name and value, not ${parts.length} items`);
    }
    this.#names.push(headerName(parts[0]));
    this.#values.push(headerValue(parts[1]));
  }

  #load(): void {
    const source = this.#source;
    if (source === null) return;
    this.#source = null;
    for (const [name, value] of source.headers()) {
      this.#names.push(name);
      this.#values.push(value);
    }
  }

  #change(): void {
    if (this.#isFrozen) throw new TypeError("these headers are immutable");
    this.#sorted = null;
  }

  append(name: string, value: string): void {
    wantArguments("Headers.append", arguments.length, 2);
    const lower = headerName(name);
    const clean = headerValue(value);
    this.#change();
    this.#names.push(lower);
    this.#values.push(clean);
  }

  delete(name: string): void {
    wantArguments("Headers.delete", arguments.length, 1);
    const lower = headerName(name);
    this.#change();
    if (this.#names.includes(lower)) this.#remove(lower, 0);
  }

  /** Removes fields of a name from a position on. */
  #remove(lower: string, from: number): void {
    let kept = from;
    for (let index = from; index < this.#names.length; index++) {
      if (this.#names[index] === lower) continue;
      this.#names[kept] = this.#names[index];
      this.#values[kept++] = this.#values[index];
    }
    this.#names.length = this.#values.length = kept;
  }

  get(name: string): string | null {
    wantArguments("Headers.get", arguments.length, 1);
    const lower = headerName(name);
    if (this.#source !== null) return this.#source.header(lower) ?? null;
    const first = this.#names.indexOf(lower);
    if (first < 0) return null;
    let value = this.#values[first];
    for (
      let next = this.#names.indexOf(lower, first + 1);
      next >= 0;
      next = this.#names.indexOf(lower, next + 1)
    ) {
      value += separatorOf(lower) + this.#values[next];
    }
    return value;
  }

  getSetCookie(): string[] {
    this.#load();
    return this.#values.filter((_, index) => this.#names[index] === setCookie);
  }

  has(name: string): boolean {
    wantArguments("Headers.has", arguments.length, 1);
    const lower = headerName(name);
    if (this.#source !== null) return this.#source.header(lower) !== undefined;
    return this.#names.includes(lower);
  }

  set(name: string, value: string): void {
    wantArguments("Headers.set", arguments.length, 2);
    const lower = headerName(name);
    const clean = headerValue(value);
    this.#change();
    const first = this.#names.indexOf(lower);
    if (first < 0) {
      this.#names.push(lower);
      this.#values.push(clean);
    } else {
      this.#values[first] = clean;
      this.#remove(lower, first + 1);
    }
  }

  forEach(
    callback: (value: string, key: string, parent: Headers) => void,
    thisArgument: unknown = undefined,
  ): void {
    if (typeof callback !== "function") {
      throw new TypeError("Headers.forEach: the callback is not a function");
    }
    for (let index = 0; index < this.#list().length; index++) {
      const [name, value] = this.#list()[index];
      callback.call(thisArgument, value, name, this as unknown as Headers);
    }
  }

  entries(): FieldIterator<Field> {
    return new FieldIterator(() => this.#list(), ([name, value]): Field => [name, value]);
  }

  keys(): FieldIterator<string> {
    return new FieldIterator(() => this.#list(), (field) => field[0]);
  }

  values(): FieldIterator<string> {
    return new FieldIterator(() => this.#list(), (field) => field[1]);
  }

  [Symbol.iterator](): FieldIterator<Field> {
    return this.entries();
  }

  /** Bun's: an object of all fields, `set-cookie` as a list. */
  toJSON(): Record<string, string | string[]> {
    const cookies = this.getSetCookie();
    const others = this.#list().filter(([name]) => name !== setCookie);
    return { ...Object.fromEntries(others), ...(cookies.length > 0 ? { [setCookie]: cookies } : {}) };
  }

  /** Bun's: the number of names. */
  get count(): number {
    this.#load();
    return new Set(this.#names).size;
  }

  /** Bun's: the values of `set-cookie`, one by one. */
  getAll(name: string): string[] {
    if (headerName(name) !== setCookie) throw new TypeError('Headers.getAll: only "set-cookie" is supported');
    return this.getSetCookie();
  }

  [inspectSymbol](): unknown {
    return { [Symbol.toStringTag]: "Headers", ...Object.fromEntries(this.#list()) };
  }

  /** The fields by name, those of one name joined, but each `set-cookie` by itself. */
  #list(): Field[] {
    if (this.#sorted !== null) return this.#sorted;
    this.#load();
    const names = this.#names;
    // Sorting is stable: fields of one name stay in order.
    const order = names.map((_, index) => index).sort((a, b) =>
      names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : 0
    );
    const sorted: Field[] = [];
    for (const index of order) {
      const last = sorted.at(-1);
      if (last !== undefined && last[0] === names[index] && last[0] !== setCookie) {
        last[1] += separatorOf(last[0]) + this.#values[index];
      } else {
        sorted.push([names[index], this.#values[index]]);
      }
    }
    return this.#sorted = sorted;
  }

  /** Every instance of the runtime's is one of ours; a subclass has only its own. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if (this !== LightHeaders) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof RuntimeHeaders;
  }

  static {
    standIn(this, RuntimeHeaders, "Headers");
    // Deno's `new Response(body, { headers })` reads the list of an instance of Headers under a symbol.
    for (const key of Object.getOwnPropertySymbols(RuntimeHeaders.prototype)) {
      if (key.description !== "iterable headers") continue;
      Object.defineProperty(this.prototype, key, {
        get(this: LightHeaders) {
          return this.#list();
        },
      });
    }
  }
}

/** Cookies are joined as their own syntax wants it (RFC 9113, 8.2.3), all else as a list. */
function separatorOf(name: string): string {
  return name === "cookie" ? "; " : ", ";
}

/** Looks into the list at every step, as the standard wants: changes while iterating show. */
class FieldIterator<T> implements IterableIterator<T> {
  #list: () => Field[];
  #part: FieldPart<T>;
  #index = 0;

  constructor(list: () => Field[], part: FieldPart<T>) {
    this.#list = list;
    this.#part = part;
  }

  next(): IteratorResult<T, undefined> {
    const list = this.#list();
    if (this.#index >= list.length) return { value: undefined, done: true };
    return { value: this.#part(list[this.#index++]), done: false };
  }

  [Symbol.iterator](): this {
    return this;
  }

  static {
    const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
    Object.setPrototypeOf(this.prototype, iteratorPrototype);
    Object.defineProperty(this.prototype, Symbol.toStringTag, {
      value: "Headers Iterator",
      configurable: true,
    });
  }
}
