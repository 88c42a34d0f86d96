/**
 * Handlers of an application: checking a table of them, and following what one has returned.
 *
 * @module
 */
import { OptionError } from "./errors.ts";
import { callback, checkOptions, type OptionSchema } from "./options.ts";

/** The schema of a table with these handlers. */
export function handlerSchema(names: readonly string[]): OptionSchema {
  return Object.fromEntries(names.map((name) => [name, callback]));
}

/**
 * Throws an OptionError unless `handlers` is a table of handlers: a plain object with no keys but those of
 * `schema`, or an instance of a class, whose handlers may be methods.
 *
 * @param required the names of handlers that must be there.
 */
export function checkHandlerTable(
  operation: string,
  key: string,
  handlers: unknown,
  schema: OptionSchema,
  required: readonly string[] = [],
): void {
  if (typeof handlers !== "object" || handlers === null) {
    throw new OptionError(operation, key, `option "${key}" must be an object of handlers`);
  }
  // The methods of a class lie on the prototype, and its own keys are its own business.
  if (Object.getPrototypeOf(handlers) === Object.prototype) checkOptions(operation, handlers, schema);
  for (const name in schema) {
    const handler = (handlers as Record<string, unknown>)[name];
    if (handler === undefined ? !required.includes(name) : schema[name].accepts(handler)) continue;
    throw new OptionError(operation, name, `handler "${name}" must be ${schema[name].wants}`);
  }
}

const { then } = Promise.prototype;

/**
 * Calls `settled` or `failed` once the promise a callback returned has settled, one of them and once; false
 * where it returned no promise. Never throws: a `then` that does is a promise that rejects.
 */
export function follow(
  result: unknown,
  settled: () => void,
  failed: (thrown: unknown) => void,
): boolean {
  if (typeof result !== "object" || result === null) return false;
  try {
    if (typeof (result as PromiseLike<unknown>).then !== "function") return false;
    // The prototype's own method: a promise may carry another one, which calls both, or twice.
    then.call(Promise.resolve(result), settled, failed);
  } catch (thrown) {
    then.call(Promise.reject(thrown), settled, failed);
  }
  return true;
}
