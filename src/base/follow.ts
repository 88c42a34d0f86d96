/**
 * Follows the result of a callback, which belongs to the application: a promise, something that only looks
 * like one, or anything else.
 *
 * @module
 */

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
