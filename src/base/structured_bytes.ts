/**
 * Values as bytes and back: the types that the structured clone algorithm copies, for channels that carry
 * only bytes. No serialisation is available on both Bun and Deno, and a limit needs to know the size.
 *
 * Plain data only: an instance of a class would arrive without its class, so it is refused.
 *
 * @module
 */
import { OptionError, RingportError } from "./errors.ts";
import { messageOf } from "./thrown.ts";

/** What a value begins with. */
const Tag = {
  undefined: 0,
  null: 1,
  true: 2,
  false: 3,
  integer: 4,
  double: 5,
  bigint: 6,
  text: 7,
  /** A text with half of a surrogate pair, which UTF-8 has no form for. */
  utf16: 8,
  date: 9,
  regExp: 10,
  map: 11,
  set: 12,
  array: 13,
  object: 14,
  buffer: 15,
  view: 16,
  error: 17,
  boxed: 18,
  /** An object that came before: the same one, or one that holds itself. */
  again: 19,
} as const;

/** Values inside one another at most: the recursion must not overflow the stack. */
const depthMax = 500;
const operation = "message";

/** Views by their place in this list; their names are the same in both runtimes. */
const viewTypes = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
] as const;

const errorTypes = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Thrown within this file when there are more bytes than are wanted. */
const tooLong = malformed("too long");

/**
 * The bytes of a value; undefined where there are more than `bytesMax`.
 *
 * @throws {OptionError} for what cannot be sent, with the place of it in the value.
 */
export function bytesOfValue(value: unknown, bytesMax = Infinity): Uint8Array<ArrayBuffer> | undefined {
  const writer = new Writer(bytesMax);
  try {
    writer.write(value, "message", 0);
  } catch (error) {
    if (error === tooLong) return undefined;
    throw error;
  }
  return writer.bytes;
}

/**
 * The value of bytes that {@linkcode bytesOfValue} gave.
 *
 * @throws {RingportError} code `ERR_MESSAGE`, for other bytes.
 */
export function valueOfBytes(bytes: Uint8Array): unknown {
  try {
    return new Reader(bytes).read();
  } catch (error) {
    // Views and arrays of the language refuse the positions and sizes of made-up bytes.
    throw error instanceof RingportError ? error : malformed(messageOf(error), error);
  }
}

const initialBytes = 256;

class Writer {
  #bytes = new Uint8Array(initialBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #known = new Map<object, number>();
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  write(value: unknown, place: string, depth: number): void {
    switch (typeof value) {
      case "undefined":
        return this.#byte(Tag.undefined);
      case "boolean":
        return this.#byte(value ? Tag.true : Tag.false);
      case "number":
        return this.#number(value);
      case "bigint":
        this.#byte(Tag.bigint);
        return this.#text(value.toString(36), place);
      case "string":
        return this.#string(value);
      case "object":
        if (value === null) return this.#byte(Tag.null);
        if (depth >= depthMax) throw refusal(place, `is nested more than ${depthMax} levels deep`);
        return this.#object(value, place, depth + 1);
      default:
        throw refusal(place, `is a ${typeof value}`);
    }
  }

  #object(value: object, place: string, depth: number): void {
    const known = this.#known.get(value);
    if (known !== undefined) {
      this.#byte(Tag.again);
      return this.#count(known);
    }
    this.#known.set(value, this.#known.size);
    if (Array.isArray(value)) return this.#array(value, place, depth);
    if (ArrayBuffer.isView(value)) return this.#bufferView(value, place);
    if (value instanceof ArrayBuffer) return this.#buffer(new Uint8Array(value));
    if (value instanceof Date) {
      this.#byte(Tag.date);
      return this.#double(value.getTime());
    }
    if (value instanceof RegExp) {
      this.#byte(Tag.regExp);
      this.#text(value.source, place);
      return this.#text(value.flags, place);
    }
    if (value instanceof Map) return this.#map(value, place, depth);
    if (value instanceof Set) return this.#set(value, place, depth);
    if (value instanceof Error) return this.#error(value, place, depth);
    if (value instanceof Boolean || value instanceof Number || value instanceof String) {
      this.#byte(Tag.boxed);
      return this.write(value.valueOf(), place, depth);
    }
    this.#plain(value, place, depth);
  }

  #plain(value: object, place: string, depth: number): void {
    const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
    if (prototype !== null && prototype !== Object.prototype) {
      const name = typeof prototype.constructor?.name === "string" ? prototype.constructor.name : "class";
      throw refusal(place, `is an instance of ${name}: send a plain object with its fields`);
    }
    const keys = Object.keys(value);
    this.#byte(Tag.object);
    this.#count(keys.length);
    for (const key of keys) {
      this.#string(key);
      this.write((value as Record<string, unknown>)[key], `${place}.${key}`, depth);
    }
  }

  /** With holes where it has some. */
  #array(value: readonly unknown[], place: string, depth: number): void {
    const keys = Object.keys(value).filter((key) => String(Number(key) >>> 0) === key);
    this.#byte(Tag.array);
    this.#count(value.length);
    this.#count(keys.length);
    let next = 0;
    for (const key of keys) {
      const index = Number(key);
      this.#count(index - next);
      next = index + 1;
      this.write(value[index], `${place}[${key}]`, depth);
    }
  }

  #map(value: ReadonlyMap<unknown, unknown>, place: string, depth: number): void {
    this.#byte(Tag.map);
    this.#count(value.size);
    for (const [key, entry] of value) {
      this.write(key, `a key of ${place}`, depth);
      this.write(entry, `an entry of ${place}`, depth);
    }
  }

  #set(value: ReadonlySet<unknown>, place: string, depth: number): void {
    this.#byte(Tag.set);
    this.#count(value.size);
    for (const entry of value) this.write(entry, `an entry of ${place}`, depth);
  }

  #error(value: Error, place: string, depth: number): void {
    this.#byte(Tag.error);
    for (const text of [value.name, value.message, value.stack ?? ""]) this.#string(String(text));
    const hasCause = "cause" in value;
    this.#byte(hasCause ? 1 : 0);
    if (hasCause) this.write(value.cause, `${place}.cause`, depth);
  }

  /** The bytes that a view covers, and not all of its buffer: a window shows a few of millions. */
  #bufferView(value: ArrayBufferView, place: string): void {
    const type = viewTypes.findIndex((known) => value instanceof known);
    if (type < 0) throw refusal(place, "is a view of a type that cannot be sent");
    this.#byte(Tag.view);
    this.#byte(type);
    this.#raw(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }

  #buffer(bytes: Uint8Array): void {
    this.#byte(Tag.buffer);
    this.#raw(bytes);
  }

  #number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31 && !Object.is(value, -0)) {
      this.#byte(Tag.integer);
      // The sign goes last, so that small numbers are short.
      return this.#count(value < 0 ? -2 * value - 1 : 2 * value);
    }
    this.#byte(Tag.double);
    this.#double(value);
  }

  #string(value: string): void {
    if (value.isWellFormed()) {
      this.#byte(Tag.text);
      return this.#raw(encoder.encode(value));
    }
    this.#byte(Tag.utf16);
    const units = Uint16Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
    this.#raw(new Uint8Array(units.buffer));
  }

  /** A text without a tag, which is well-formed or replaced by one. */
  #text(value: string, place: string): void {
    if (!value.isWellFormed()) throw refusal(place, "has a lone surrogate, which UTF-8 cannot encode");
    this.#raw(encoder.encode(value));
  }

  #raw(bytes: Uint8Array): void {
    this.#count(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A number from 0, seven bits a byte, the lowest first. */
  #count(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#bytesMax) throw tooLong;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  readonly #known: object[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): unknown {
    const tag = this.#byte();
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.true:
        return true;
      case Tag.false:
        return false;
      case Tag.integer: {
        const count = this.#count();
        return count % 2 === 0 ? count / 2 : -(count + 1) / 2;
      }
      case Tag.double:
        return this.#double();
      case Tag.bigint:
        return bigintOf(this.#text());
      case Tag.text:
        return this.#text();
      case Tag.utf16:
        return this.#utf16();
      case Tag.again:
        return this.#known[this.#count()];
      default:
        return this.#object(tag);
    }
  }

  #object(tag: number): object {
    switch (tag) {
      case Tag.date:
        return this.#keep(new Date(this.#double()));
      case Tag.regExp:
        return this.#keep(new RegExp(this.#text(), this.#text()));
      case Tag.map: {
        const map = this.#keep(new Map<unknown, unknown>());
        for (let left = this.#count(); left > 0; left--) map.set(this.read(), this.read());
        return map;
      }
      case Tag.set: {
        const set = this.#keep(new Set<unknown>());
        for (let left = this.#count(); left > 0; left--) set.add(this.read());
        return set;
      }
      case Tag.array:
        return this.#array();
      case Tag.object:
        return this.#plain();
      case Tag.buffer:
        return this.#keep(this.#raw().slice().buffer);
      case Tag.view: {
        const type = viewTypes[this.#byte()] as new (buffer: ArrayBuffer) => ArrayBufferView;
        return this.#keep(new type(this.#raw().slice().buffer));
      }
      case Tag.error:
        return this.#error();
      case Tag.boxed: {
        // Its place is before that of what it holds, which is never an object.
        const place = this.#known.push(this) - 1;
        return this.#known[place] = Object(this.read()) as object;
      }
      default:
        throw malformed(`no value begins with the byte ${tag}`);
    }
  }

  #array(): unknown[] {
    const array = this.#keep<unknown[]>([]);
    const length = this.#count();
    if (length >= 2 ** 32) throw malformed(`an array cannot have ${length} entries`);
    array.length = length;
    let next = 0;
    for (let left = this.#count(); left > 0; left--) {
      const index = next + this.#count();
      array[index] = this.read();
      next = index + 1;
    }
    return array;
  }

  #plain(): object {
    const object = this.#keep<Record<string, unknown>>({});
    for (let left = this.#count(); left > 0; left--) {
      const key = this.read() as string;
      const value = this.read();
      // A key such as "__proto__" is a key like any other.
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    }
    return object;
  }

  #error(): Error {
    const name = this.read() as string;
    const Type = Object.hasOwn(errorTypes, name) ? errorTypes[name as keyof typeof errorTypes] : Error;
    const error = this.#keep(new Type(this.read() as string));
    const hidden = (key: string, value: unknown) =>
      Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true });
    if (Type.name !== name) hidden("name", name);
    hidden("stack", this.read());
    if (this.#byte() === 1) hidden("cause", this.read());
    return error;
  }

  #keep<Value extends object>(value: Value): Value {
    this.#known.push(value);
    return value;
  }

  #text(): string {
    return decoder.decode(this.#raw());
  }

  #utf16(): string {
    const bytes = this.#raw().slice();
    let text = "";
    for (const unit of new Uint16Array(bytes.buffer)) text += String.fromCharCode(unit);
    return text;
  }

  #raw(): Uint8Array {
    const length = this.#count();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed("they end too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #double(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  #count(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }

  #byte(): number {
    return this.#view.getUint8(this.#at++);
  }
}

/** A bigint of digits to the base of 36, as `toString` writes it: there is nothing that reads one. */
function bigintOf(digits: string): bigint {
  const isNegative = digits.startsWith("-");
  let value = 0n;
  for (const digit of isNegative ? digits.slice(1) : digits) {
    value = value * 36n + BigInt(parseInt(digit, 36));
  }
  return isNegative ? -value : value;
}

function malformed(why: string, cause?: unknown): RingportError {
  const details = { code: "ERR_MESSAGE", operation: "message", cause };
  return new RingportError(`the bytes of a message are malformed: ${why}`, details);
}

function refusal(place: string, why: string): OptionError {
  return new OptionError(operation, place, `cannot send it: ${place} ${why}`);
}
