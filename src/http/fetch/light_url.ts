/**
 * `URL` and its `URLSearchParams` of a request, light: parts are cut out of the text when they are asked for.
 * Whatever takes more than that, such as a change, is done by one of the runtime's, from then on for good.
 *
 * @module
 */
import { inspectSymbol, RuntimeSearchParams, RuntimeURL } from "./runtime.ts";

/** The URL of a request that was asked for last, if it is one that a light URL may be made of. */
let offered = "";
let offeredOrigin = "";
let offeredPath = "";
let offeredQuery = "";

/**
 * Lets the next `new URL` of this text make a light one. The text is in the form that the standard gives it,
 * and its parts are these: the query with its question mark, or nothing.
 */
export function offerUrl(url: string, origin: string, path: string, query: string): void {
  offered = url;
  offeredOrigin = origin;
  offeredPath = path;
  offeredQuery = query;
}

/** The runtime's own in the place of a light one. */
let realUrlOf: (url: LightUrl) => URL;
/** The value of a parameter; undefined where the runtime's own must say. */
let parameterOf: (url: LightUrl, name: string) => string | null | undefined;

/** A key of a prototype with what it does. */
type Member = [key: PropertyKey, descriptor: PropertyDescriptor];

function membersOf(prototype: object): Member[] {
  return Reflect.ownKeys(prototype)
    .filter((key) => key !== "constructor" && key !== Symbol.toStringTag)
    .map((key) => [key, Object.getOwnPropertyDescriptor(prototype, key)!]);
}

/** Lets a prototype of ours inherit from the runtime's, which does all that ours does not do itself. */
function standInFor<T extends object>(ours: T, theirs: object, realOf: (one: T) => object): void {
  for (const [key, { value, get, set, enumerable }] of membersOf(theirs)) {
    const own = Object.getOwnPropertyDescriptor(ours, key);
    const made: PropertyDescriptor = { configurable: true, enumerable };
    if (typeof value === "function") {
      made.writable = true;
      made.value = own?.value ?? function (this: T, ...given: unknown[]) {
        return Reflect.apply(value, realOf(this), given);
      };
    } else {
      made.get = own?.get ?? (get && function (this: T) {
        return get.call(realOf(this));
      });
      made.set = set && function (this: T, given: unknown) {
        set.call(realOf(this), given);
      };
    }
    Object.defineProperty(ours, key, made);
  }
  Object.setPrototypeOf(ours, theirs);
  Object.defineProperty(ours, "constructor", {
    value: theirs.constructor,
    writable: true,
    configurable: true,
  });
  Object.defineProperty(ours, inspectSymbol, {
    configurable: true,
    value(this: T) {
      return realOf(this);
    },
  });
}

/** What an encoded name or value is recognised by. */
const ENCODED = /[%+]/;
const separators = /[=&]/;
const ampersand = 0x26;
const equals = 0x3d;

/** `URL` of a text that was offered. */
export class LightUrl {
  readonly #href: string;
  readonly #origin: string;
  readonly #path: string;
  readonly #query: string;
  /** Whether the query must be decoded; undefined until somebody asks. */
  #isEncoded: boolean | undefined = undefined;
  #params: LightSearchParams | null = null;
  /** The runtime's own, which knows all, once it was needed. */
  #real: URL | null = null;

  static {
    realUrlOf = (url) => url.#real ??= new RuntimeURL(url.#href);
    parameterOf = (url, name) => {
      if (url.#real !== null || separators.test(name)) return undefined;
      const query = url.#query;
      url.#isEncoded ??= ENCODED.test(query);
      if (url.#isEncoded) return undefined;
      const { length } = query;
      // Behind the question mark.
      for (let at = 1, end = 0; at < length; at = end + 1) {
        end = query.indexOf("&", at);
        if (end < 0) end = length;
        if (at === end || !query.startsWith(name, at)) continue;
        const behind = at + name.length;
        if (behind === end) return "";
        const code = query.charCodeAt(behind);
        if (code === equals) return query.slice(behind + 1, end);
        if (code === ampersand) return "";
      }
      return null;
    };
  }

  constructor(href: string, origin: string, path: string, query: string) {
    this.#href = href;
    this.#origin = origin;
    this.#path = path;
    this.#query = query;
  }

  get href(): string {
    return this.#real === null ? this.#href : this.#real.href;
  }

  get origin(): string {
    return this.#real === null ? this.#origin : this.#real.origin;
  }

  get pathname(): string {
    return this.#real === null ? this.#path : this.#real.pathname;
  }

  get search(): string {
    if (this.#real !== null) return this.#real.search;
    return this.#query === "?" ? "" : this.#query;
  }

  get host(): string {
    return this.#real === null ? this.#origin.slice(this.#origin.indexOf("//") + 2) : this.#real.host;
  }

  get searchParams(): URLSearchParams {
    return (this.#params ??= new LightSearchParams(this)) as unknown as URLSearchParams;
  }

  toString(): string {
    return this.href;
  }

  toJSON(): string {
    return this.href;
  }

  static {
    standInFor(this.prototype, RuntimeURL.prototype, realUrlOf);
  }
}

/** `URLSearchParams` of a light URL. */
class LightSearchParams {
  readonly #url: LightUrl;

  constructor(url: LightUrl) {
    this.#url = url;
  }

  get(...given: [name: string]): string | null {
    const found = given.length === 1 ? parameterOf(this.#url, `${given[0]}`) : undefined;
    return found === undefined ? realUrlOf(this.#url).searchParams.get(...given) : found;
  }

  has(...given: [name: string, value?: string]): boolean {
    const found = given.length === 1 ? parameterOf(this.#url, `${given[0]}`) : undefined;
    return found === undefined ? realUrlOf(this.#url).searchParams.has(...given) : found !== null;
  }

  static {
    standInFor(this.prototype, RuntimeSearchParams.prototype, (params) => {
      return realUrlOf(params.#url).searchParams;
    });
  }
}

/** The runtime's `URL`, which makes light ones of the URLs of requests. */
export const WrappingURL: typeof URL = function URL(...given: [url: string, base?: string]): URL {
  const target: unknown = new.target;
  if (target === undefined) throw new TypeError("URL must be called with new");
  if (target !== WrappingURL) return Reflect.construct(RuntimeURL, given, target as typeof URL);
  if (given.length !== 1) return Reflect.construct(RuntimeURL, given);
  const [url] = given;
  if (url !== offered) return new RuntimeURL(url);
  return new LightUrl(url, offeredOrigin, offeredPath, offeredQuery) as unknown as URL;
} as unknown as typeof URL;

// A class for `instanceof` and for classes that extend it; its functions are the runtime's.
Object.setPrototypeOf(WrappingURL, RuntimeURL);
Object.defineProperty(WrappingURL, "prototype", { value: RuntimeURL.prototype, writable: false });
