/**
 * Things that can be thrown and of which the usual ways to show them throw, or show nothing.
 *
 * @module
 */

const boom = () => {
  throw new Error("a trap of an odd value");
};

/** A handler whose every trap throws. */
const traps: ProxyHandler<object> = new Proxy({}, { get: () => boom });

function errorWith(name: "message" | "name" | "stack" | "cause" | "toString"): Error {
  return Object.defineProperty(new Error("odd"), name, { get: boom });
}

/** Each made new, by its name. */
export const ODD_VALUES: Readonly<Record<string, () => unknown>> = {
  "undefined": () => undefined,
  "null": () => null,
  "a number": () => 7,
  "a symbol": () => Symbol("odd"),
  "an empty text": () => "",
  "an object without a prototype": () => Object.create(null),
  "an object whose toString throws": () => ({ toString: boom }),
  "an object whose toPrimitive throws": () => ({ [Symbol.toPrimitive]: boom }),
  "a proxy that throws in every trap": () => new Proxy({}, traps),
  "a function's proxy that throws in every trap": () => new Proxy(() => {}, traps),
  "an error's proxy that throws in every trap": () => new Proxy(new Error("odd"), traps),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "an error whose message throws": () => errorWith("message"),
  "an error whose name throws": () => errorWith("name"),
  "an error whose stack throws": () => errorWith("stack"),
  "an error whose cause throws": () => errorWith("cause"),
  "an error whose toString throws": () => errorWith("toString"),
  "an error with a message that is no text": () =>
    Object.assign(new Error("odd"), { message: Symbol("odd") }),
  "an error of itself": () => {
    const error = new Error("odd");
    return Object.assign(error, { cause: error });
  },
};

/** What a handler may return that is no promise, or pretends to be one. */
export const ODD_RESULTS: Readonly<Record<string, () => unknown>> = {
  "a proxy that throws in every trap": () => new Proxy({}, traps),
  "an object whose then cannot be read": () => Object.defineProperty({}, "then", { get: boom }),
  "an object whose then throws": () => ({ then: boom }),
  "an object whose then calls both and throws": () => ({
    then(settled: () => void, failed: (thrown: unknown) => void) {
      failed(new Error("odd"));
      settled();
      boom();
    },
  }),
  "a promise with another then": () => Object.assign(Promise.reject(new Error("odd")), { then: boom }),
  "a promise whose constructor cannot be read": () =>
    Object.defineProperty(Promise.resolve(), "constructor", { get: boom }),
};

/** Keeps what is written to `console.error` from the screen, and counts it. */
export class QuietConsole implements Disposable {
  readonly lines: unknown[][] = [];
  readonly #before = console.error;

  constructor() {
    console.error = (...values: unknown[]) => void this.lines.push(values);
  }

  [Symbol.dispose](): void {
    console.error = this.#before;
  }
}
