/**
 * Deep equality for {@linkcode expect}: by structure and content, as `@std/expect` and Bun have it.
 *
 * @module
 */

export interface EqualityOptions {
  /** Also compares the classes and tells a missing key from one that is undefined. */
  strict: boolean;
  /** Only the keys of the wanted object count. */
  subset: boolean;
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

function keysOf(value: Record<PropertyKey, unknown>, strict: boolean): PropertyKey[] {
  const keys: PropertyKey[] = Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
  return strict ? keys : keys.filter((key) => value[key] !== undefined);
}

function bytesOf(value: unknown): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer) {
    return new Uint8Array(value);
  }
  return null;
}

function equalBytes(actual: Uint8Array, wanted: Uint8Array): boolean {
  return actual.length === wanted.length && actual.every((byte, index) => byte === wanted[index]);
}

function equalSets(actual: Set<unknown>, wanted: Set<unknown>, options: EqualityOptions): boolean {
  if (actual.size !== wanted.size) return false;
  return [...wanted].every((one) =>
    actual.has(one) || [...actual].some((other) => equal(other, one, options))
  );
}

function equalMaps(
  actual: Map<unknown, unknown>,
  wanted: Map<unknown, unknown>,
  options: EqualityOptions,
): boolean {
  if (actual.size !== wanted.size) return false;
  return [...wanted].every(([key, value]) => actual.has(key) && equal(actual.get(key), value, options));
}

function equalKeys(
  actual: Record<PropertyKey, unknown>,
  wanted: Record<PropertyKey, unknown>,
  options: EqualityOptions,
  path: Set<unknown>,
): boolean {
  const wantedKeys = keysOf(wanted, options.strict || options.subset);
  if (!options.subset && keysOf(actual, options.strict).length !== wantedKeys.length) return false;
  return wantedKeys.every((key) =>
    (!options.strict || key in actual) && equal(actual[key], wanted[key], options, path)
  );
}

/** True when both values have the same content. A cycle is compared once. */
export function equal(
  actual: unknown,
  wanted: unknown,
  options: EqualityOptions = { strict: false, subset: false },
  path: Set<unknown> = new Set(),
): boolean {
  if (Object.is(actual, wanted)) return true;
  if (!isObject(actual) || !isObject(wanted)) return false;
  if (path.has(wanted)) return true;
  if (options.strict && Object.getPrototypeOf(actual) !== Object.getPrototypeOf(wanted)) return false;
  if (Array.isArray(actual) !== Array.isArray(wanted)) return false;
  if (Array.isArray(actual) && actual.length !== wanted.length) return false;
  if (actual instanceof Date && wanted instanceof Date) return Object.is(actual.getTime(), wanted.getTime());
  if (actual instanceof RegExp && wanted instanceof RegExp) return String(actual) === String(wanted);
  if (actual instanceof Error && wanted instanceof Error) {
    return actual.name === wanted.name && actual.message === wanted.message;
  }
  if (actual instanceof Set && wanted instanceof Set) return equalSets(actual, wanted, options);
  if (actual instanceof Map && wanted instanceof Map) return equalMaps(actual, wanted, options);
  const [actualBytes, wantedBytes] = [bytesOf(actual), bytesOf(wanted)];
  if (actualBytes !== null || wantedBytes !== null) {
    return actualBytes !== null && wantedBytes !== null && actual.constructor === wanted.constructor &&
      equalBytes(actualBytes, wantedBytes);
  }
  path.add(wanted);
  const same = equalKeys(actual, wanted, options, path);
  path.delete(wanted);
  return same;
}
