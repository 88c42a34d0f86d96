/**
 * Messages with their length in front.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { bytes, flag } from "../base/option_kinds.ts";
import { checkOptions, type OptionSchema } from "../base/options.ts";
import { type Framer, type FramerOptions, framerSchema, MessageFramer, noBytes } from "./framer.ts";
import { incomplete, malformed, type ScanState, tooLarge } from "./scan.ts";

/**
 * How a length is written: whole numbers of 8, 16 or 32 bits, the lowest byte first (`le`) or last (`be`), or
 * an unsigned variable-length number as in Protocol Buffers and LEB128, seven bits a byte, the lowest first.
 */
export type LengthFormat = "u8" | "u16le" | "u16be" | "u32le" | "u32be" | "varint";

/** Options of {@linkcode lengthPrefixed}. */
export interface LengthOptions extends FramerOptions {
  /** True: the length counts the whole frame, with the prefix itself and `offset`. False by default. */
  includesPrefix?: boolean;
  /**
   * Bytes in front of the length that belong to the message: a type, a version. 0 by default. With more, a
   * message is the whole frame with its length in it, when it comes and when it is sent.
   */
  offset?: number;
  /** Added to the written length to get the number of bytes that follow. 0 by default. */
  adjustment?: number;
}

const lengthBytesMax = 0xffff_ffff;
/** Bytes of a variable-length number of 32 bits. */
const varintBytesMax = 5;
/** Bytes in front of a length: enough for any header, too few to hide a mistake. */
const offsetMaxBytes = 255;

const lengthSchema: OptionSchema = {
  ...framerSchema,
  includesPrefix: flag,
  offset: bytes(0, offsetMaxBytes),
  adjustment: bytes(-lengthBytesMax, lengthBytesMax),
};

/** Bytes of each format; 0 where they vary. */
const widths: Readonly<Record<LengthFormat, number>> = {
  u8: 1,
  u16le: 2,
  u16be: 2,
  u32le: 4,
  u32be: 4,
  varint: 0,
};

/**
 * A framer for messages with their length in front.
 *
 * A length over `maxMessage` is a MessageTooLargeError as soon as it is read. A variable-length number of
 * more than 32 bits, or written with more bytes than it needs, and a length too small for the frame it counts
 * are a MessageError with the code `ERR_MESSAGE_MALFORMED`.
 *
 * @throws {OptionError} for an unknown format or key, or a wrong value.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { framed, lengthPrefixed } from "@ringport/ringport/framing";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(lengthPrefixed("u32be", { maxMessage: 1_000_000 }), {
 *     message: (_connection, window, reply) => void reply.send(window),
 *   }),
 * });
 * console.log(listener.port);
 * ```
 */
export function lengthPrefixed(format: LengthFormat, options: LengthOptions = {}): Framer {
  if (!Object.hasOwn(widths, format)) {
    const known = Object.keys(widths).join(", ");
    throw new OptionError("lengthPrefixed", "format", `the format must be one of ${known}`);
  }
  checkOptions("lengthPrefixed", options, lengthSchema);
  if (format !== "varint") return new FixedWidthFramer(format, options);
  for (const key of ["includesPrefix", "offset"] as const) {
    // The number of bytes would count itself; and the header in front of it would have no fixed end.
    if (options[key]) {
      throw new OptionError("lengthPrefixed", key, `option "${key}" cannot be used with "varint"`);
    }
  }
  return new VarintFramer(options);
}

/** Bytes that follow a prefix, or why they cannot. */
function bodyOf(value: number, counted: number, framer: MessageFramer, kept: number): number {
  const body = value - counted;
  if (body < 0) return malformed;
  return body + kept > framer.maxMessage ? tooLarge : body;
}

/** Ends the scan of a message whose whole length is known. */
function endScan(from: number, end: number, state: ScanState): number {
  const after = from - state.length + state.total;
  if (after <= end) {
    state.length = state.total;
    return after;
  }
  state.length += end - from;
  return incomplete;
}

class FixedWidthFramer extends MessageFramer {
  readonly #width: number;
  readonly #bigEndian: boolean;
  readonly #offset: number;
  /** Bytes up to and with the length. */
  readonly #front: number;
  /** What the written length counts beside the bytes behind it. */
  readonly #counted: number;
  readonly #head: Uint8Array<ArrayBuffer>;
  readonly #format: LengthFormat;

  constructor(format: LengthFormat, options: LengthOptions) {
    super(options);
    this.#format = format;
    this.#width = widths[format];
    this.#bigEndian = format.endsWith("be");
    this.#offset = options.offset ?? 0;
    this.#front = this.#offset + this.#width;
    this.#counted = (options.includesPrefix === true ? this.#front : 0) - (options.adjustment ?? 0);
    this.#head = new Uint8Array(this.#offset === 0 ? this.#width : 0);
  }

  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    if (state.total === 0) {
      const start = from - state.length;
      if (end - start < this.#front) return this.#readPart(bytes, from, end, state);
      const value = state.length <= this.#offset
        ? this.#read(bytes, start + this.#offset, 0, 0)
        : this.#read(bytes, from, state.phase, state.value);
      const body = bodyOf(value, this.#counted, this, this.#offset === 0 ? 0 : this.#front);
      if (body < 0) return body;
      state.total = this.#front + body;
    }
    return endScan(from, end, state);
  }

  override get mirrors(): boolean {
    return this.#offset === 0;
  }

  override frontOf(): number {
    return this.#offset === 0 ? this.#front : 0;
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    if (this.#offset === 0) return true;
    const length = end - from;
    const fits = length >= this.#front &&
      this.#read(bytes, from + this.#offset, 0, 0) === length - this.#front + this.#counted;
    if (fits) return true;
    throw new OptionError(
      "lengthPrefixed",
      "message",
      `a message of ${length} bytes does not contain its length at offset ${this.#offset}`,
    );
  }

  override head(length: number): Uint8Array {
    const width = this.#width;
    const head = this.#head;
    if (head.length === 0) return noBytes;
    const value = length + this.#counted;
    if (value < 0 || value >= 2 ** (8 * width)) {
      throw new OptionError(
        "lengthPrefixed",
        "message",
        `a message of ${length} bytes has no length in the format "${this.#format}"`,
      );
    }
    for (let index = 0; index < width; index++) {
      const place = this.#bigEndian ? width - 1 - index : index;
      head[index] = Math.floor(value / 2 ** (8 * place));
    }
    return head;
  }

  /** The length: `seen` bytes of it, which came to `value`, were read before. */
  #read(bytes: Uint8Array, position: number, seen: number, value: number): number {
    const rest = this.#width - seen;
    for (let index = 0; index < rest; index++) {
      const byte = bytes[position + index];
      value = this.#bigEndian ? value * 256 + byte : value + byte * 2 ** (8 * (seen + index));
    }
    return value;
  }

  /** Reads as much of the length as has arrived. */
  #readPart(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    for (let position = from; position < end; position++) {
      state.length += 1;
      if (state.length <= this.#offset) continue;
      const byte = bytes[position];
      state.value = this.#bigEndian ? state.value * 256 + byte : state.value + byte * 2 ** (8 * state.phase);
      state.phase += 1;
    }
    return incomplete;
  }
}

class VarintFramer extends MessageFramer {
  readonly #adjustment: number;
  readonly #heads = Array.from({ length: varintBytesMax }, (_, index) => new Uint8Array(index + 1));

  constructor(options: LengthOptions) {
    super(options);
    this.#adjustment = options.adjustment ?? 0;
  }

  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    if (state.total > 0) return endScan(from, end, state);
    for (let position = from; position < end; position++) {
      const byte = bytes[position];
      const place = state.phase++;
      // A fifth byte has room for four bits; a last byte of zero is one too many.
      if (place === varintBytesMax - 1 && byte > 0x0f) return malformed;
      if (byte === 0 && place > 0) return malformed;
      state.value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte > 0x7f) continue;
      const body = bodyOf(state.value, -this.#adjustment, this, 0);
      if (body < 0) return body;
      state.total = state.phase + body;
      return endScan(from, end, state);
    }
    state.length += end - from;
    return incomplete;
  }

  override get mirrors(): boolean {
    return true;
  }

  override frontOf(state: ScanState): number {
    return state.phase;
  }

  override head(length: number): Uint8Array {
    let value = length - this.#adjustment;
    if (value < 0 || value > lengthBytesMax) {
      throw new OptionError(
        "lengthPrefixed",
        "message",
        `a message of ${length} bytes has no length in the format "varint"`,
      );
    }
    let size = 1;
    while (size < varintBytesMax && value >= 2 ** (7 * size)) size += 1;
    const head = this.#heads[size - 1];
    for (let index = 0; index < size; index++) {
      head[index] = (value % 128) | (index + 1 < size ? 0x80 : 0);
      value = Math.floor(value / 128);
    }
    return head;
  }
}
