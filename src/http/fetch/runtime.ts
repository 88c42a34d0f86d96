/**
 * The runtime's own classes, taken before anything replaces the globals, and what makes ours pass for them.
 *
 * @module
 */

/** The runtime's own `Headers`. */
export const RuntimeHeaders = globalThis.Headers;
/** The runtime's own `Request`. */
export const RuntimeRequest = globalThis.Request;
/** The runtime's own `Response`. */
export const RuntimeResponse = globalThis.Response;

/** The runtime's own `URL`. */
export const RuntimeURL = globalThis.URL;
/** The runtime's own `URLSearchParams`. */
export const RuntimeSearchParams = globalThis.URLSearchParams;

/** A class as `standIn` sees it. */
interface WebClass {
  readonly prototype: object;
}

/** What Bun's `console.log` and Node's `util.inspect` call on an object. */
export const inspectSymbol: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/**
 * Puts a class of ours in the place of the runtime's: `instanceof` holds, members are enumerable as those of
 * web interfaces, members that only the other runtime knows vanish, and the name is the interface's.
 */
export function standIn(ours: WebClass, theirs: WebClass, name: string): void {
  const { prototype } = ours;
  for (const key of Reflect.ownKeys(prototype)) {
    if (key === "constructor" || key === inspectSymbol) continue;
    if (typeof key === "string" && key !== "duplex" && !(key in theirs.prototype)) {
      Reflect.deleteProperty(prototype, key);
    } else if (typeof key === "string") {
      Object.defineProperty(prototype, key, { enumerable: true });
    }
  }
  Object.setPrototypeOf(prototype, theirs.prototype);
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(ours, "name", { value: name, configurable: true });
}
