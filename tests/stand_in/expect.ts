/**
 * Stands in for `@std/expect` on both runtimes: the matchers that the tests use, with the same names and
 * meaning.
 *
 * @module
 */
import "./assertions.ts";
import { equal } from "./equality.ts";

// deno-lint-ignore no-explicit-any -- any class is welcome, whatever its constructor wants
type AnyClass = abstract new (...parameters: any[]) => unknown;

/** What `toThrow` compares the thrown value with. */
export type Throwable = AnyClass | Error | RegExp | string;

/**
 * Longest text of a value in a message, in characters: a test that compares megabytes must not print them.
 */
const SHOWN_CHARACTERS_MAX = 2000;

class ExpectationError extends Error {
  override name = "ExpectationError";
}

function show(value: unknown): string {
  const inspectors = globalThis as unknown as { Deno?: Inspector; Bun?: Inspector };
  const text = (inspectors.Deno ?? inspectors.Bun)?.inspect(value, { depth: 4 }) ?? String(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

interface Inspector {
  inspect(value: unknown, options: { depth: number }): string;
}

function isClass(value: unknown): value is AnyClass {
  return typeof value === "function" && value.prototype !== undefined;
}

/** True when `thrown` is what the test wants; `message` narrows a class down. */
function isWantedThrow(thrown: unknown, wanted?: Throwable, message?: string | RegExp): boolean {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const hasMessage = (part: string | RegExp) =>
    typeof part === "string" ? text.includes(part) : part.test(text);
  if (message !== undefined && !hasMessage(message)) return false;
  if (wanted === undefined) return true;
  if (typeof wanted === "string" || wanted instanceof RegExp) return hasMessage(wanted);
  if (isClass(wanted)) return thrown instanceof wanted;
  return text === wanted.message;
}

function propertyAt(value: unknown, path: string | PropertyKey[]): { found: boolean; value: unknown } {
  const keys = Array.isArray(path) ? path : path.split(".");
  let at: unknown = value;
  for (const key of keys) {
    if (at === null || at === undefined || !(key in Object(at))) return { found: false, value: undefined };
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return { found: true, value: at };
}

/** The matchers on one value. Each throws when the value is not as wanted, or with `not` when it is. */
export class Expectation {
  readonly #actual: unknown;
  readonly #negated: boolean;
  readonly #label: string;

  constructor(actual: unknown, label: string, negated = false) {
    this.#actual = actual;
    this.#label = label;
    this.#negated = negated;
  }

  get not(): Expectation {
    return new Expectation(this.#actual, this.#label, !this.#negated);
  }

  get resolves(): AsyncExpectation {
    return new AsyncExpectation(async () => await this.#actual, this.#label, this.#negated);
  }

  get rejects(): AsyncExpectation {
    const rejection = async () => {
      try {
        await (typeof this.#actual === "function" ? this.#actual() : this.#actual);
      } catch (reason) {
        return reason;
      }
      throw new ExpectationError("expected the promise to be rejected, but it was fulfilled");
    };
    return new AsyncExpectation(rejection, this.#label, this.#negated, true);
  }

  #check(holds: boolean, what: string, wanted?: { value: unknown }): void {
    if (holds !== this.#negated) return;
    const label = this.#label === "" ? "" : `${this.#label}: `;
    const not = this.#negated ? "not " : "";
    const value = wanted === undefined ? "" : ` ${show(wanted.value)}`;
    throw new ExpectationError(`${label}expected ${show(this.#actual)} ${not}${what}${value}`);
  }

  #number(): number | bigint {
    if (typeof this.#actual === "number" || typeof this.#actual === "bigint") return this.#actual;
    throw new ExpectationError(`expected a number to compare, got ${show(this.#actual)}`);
  }

  toBe(wanted: unknown): void {
    this.#check(Object.is(this.#actual, wanted), "to be", { value: wanted });
  }

  toEqual(wanted: unknown): void {
    this.#check(equal(this.#actual, wanted), "to equal", { value: wanted });
  }

  toStrictEqual(wanted: unknown): void {
    const holds = equal(this.#actual, wanted, { strict: true, subset: false });
    this.#check(holds, "to strictly equal", { value: wanted });
  }

  toMatchObject(wanted: object): void {
    const holds = equal(this.#actual, wanted, { strict: false, subset: true });
    this.#check(holds, "to match the object", { value: wanted });
  }

  toBeDefined(): void {
    this.#check(this.#actual !== undefined, "to be defined");
  }

  toBeUndefined(): void {
    this.#check(this.#actual === undefined, "to be undefined");
  }

  toBeNull(): void {
    this.#check(this.#actual === null, "to be null");
  }

  toBeNaN(): void {
    this.#check(Number.isNaN(this.#actual), "to be NaN");
  }

  toBeTruthy(): void {
    this.#check(Boolean(this.#actual), "to be truthy");
  }

  toBeFalsy(): void {
    this.#check(!this.#actual, "to be falsy");
  }

  toBeInstanceOf(wanted: AnyClass): void {
    this.#check(this.#actual instanceof wanted, `to be an instance of ${wanted.name}`);
  }

  toBeGreaterThan(wanted: number | bigint): void {
    this.#check(this.#number() > wanted, "to be greater than", { value: wanted });
  }

  toBeGreaterThanOrEqual(wanted: number | bigint): void {
    this.#check(this.#number() >= wanted, "to be at least", { value: wanted });
  }

  toBeLessThan(wanted: number | bigint): void {
    this.#check(this.#number() < wanted, "to be less than", { value: wanted });
  }

  toBeLessThanOrEqual(wanted: number | bigint): void {
    this.#check(this.#number() <= wanted, "to be at most", { value: wanted });
  }

  toBeCloseTo(wanted: number, digits = 2): void {
    const holds = Math.abs(Number(this.#number()) - wanted) < 10 ** -digits / 2;
    this.#check(holds, `to be close (${digits} digits) to`, { value: wanted });
  }

  toContain(wanted: unknown): void {
    const actual = this.#actual;
    const holds = typeof actual === "string"
      ? actual.includes(String(wanted))
      : [...(actual as Iterable<unknown>)].includes(wanted);
    this.#check(holds, "to contain", { value: wanted });
  }

  toContainEqual(wanted: unknown): void {
    const holds = [...(this.#actual as Iterable<unknown>)].some((one) => equal(one, wanted));
    this.#check(holds, "to contain something equal to", { value: wanted });
  }

  toMatch(wanted: RegExp | string): void {
    const actual = String(this.#actual);
    const holds = typeof wanted === "string" ? actual.includes(wanted) : wanted.test(actual);
    this.#check(holds, "to match", { value: wanted });
  }

  toHaveLength(wanted: number): void {
    const length = (this.#actual as { length?: number } | null | undefined)?.length;
    this.#check(length === wanted, `(length ${length}) to have the length ${wanted}`);
  }

  toHaveProperty(path: string | PropertyKey[], ...wanted: [value?: unknown]): void {
    const { found, value } = propertyAt(this.#actual, path);
    const holds = found && (wanted.length === 0 || equal(value, wanted[0]));
    this.#check(holds, "to have the property", { value: [path, ...wanted] });
  }

  toThrow(wanted?: Throwable, message?: string | RegExp): void {
    if (typeof this.#actual !== "function") {
      throw new ExpectationError("toThrow wants a function to call");
    }
    let thrown: { value: unknown } | null = null;
    try {
      this.#actual();
    } catch (value) {
      thrown = { value };
    }
    this.checkThrown(thrown, wanted, message);
  }

  /** Ends `toThrow`, for a function that was called and for a promise that was awaited. */
  checkThrown(thrown: { value: unknown } | null, wanted?: Throwable, message?: string | RegExp): void {
    const holds = thrown !== null && isWantedThrow(thrown.value, wanted, message);
    const what = thrown === null ? "to throw (it did not)" : `to throw (it threw ${show(thrown.value)})`;
    this.#check(
      holds,
      what,
      wanted === undefined ? undefined : { value: isClass(wanted) ? wanted.name : wanted },
    );
  }
}

type AsyncMatchers = {
  [Name in Exclude<keyof Expectation, "not" | "resolves" | "rejects" | "checkThrown">]: (
    ...parameters: Parameters<Expectation[Name]>
  ) => Promise<void>;
};

/** The same matchers on what a promise settles with. Each gives a promise of its own, to be awaited. */
export interface AsyncExpectation extends AsyncMatchers {}

export class AsyncExpectation {
  readonly not!: AsyncMatchers;

  constructor(settle: () => Promise<unknown>, label: string, negated: boolean, rejected = false) {
    const matcher = (name: string, turned: boolean) => async (...parameters: unknown[]) => {
      const value = await settle();
      const expectation = new Expectation(value, label, turned);
      if (name === "toThrow" && rejected) {
        return expectation.checkThrown({ value }, ...parameters as [Throwable?, string?]);
      }
      const method = Reflect.get(expectation, name) as (...parameters: unknown[]) => void;
      return method.apply(expectation, parameters);
    };
    const turnedOver: Record<string, unknown> = {};
    for (const name of Object.getOwnPropertyNames(Expectation.prototype)) {
      if (!name.startsWith("to")) continue;
      Object.assign(this, { [name]: matcher(name, negated) });
      turnedOver[name] = matcher(name, !negated);
    }
    Object.assign(this, { not: turnedOver });
  }
}

/** Begins an expectation on `actual`. `label` stands at the start of the message of a failure. */
export function expect(actual: unknown, label = ""): Expectation {
  return new Expectation(actual, label);
}
