/**
 * Messages that end with a delimiter: any string of bytes.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { checkFramerOptions, type Framer, type FramerOptions, MessageFramer } from "./framer.ts";
import { findByte, incomplete, ScanState, tooLarge } from "./scan.ts";

/** Bytes of the longest delimiter: far more than any protocol has. */
const delimiterMaxBytes = 255;

/**
 * A framer for messages that end with `delimiter`, a text or 1 to 255 bytes. The delimiter is found across
 * receives, also one that overlaps itself, and is not part of the message.
 *
 * @throws {OptionError} for a delimiter without bytes or with too many, an unknown key, or a wrong value.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { delimited, framed } from "@ringport/ringport/framing";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(delimited("\0"), {
 *     message: (_connection, window, reply) => void reply.send(window.text().toUpperCase()),
 *   }),
 * });
 * console.log(listener.port);
 * ```
 */
export function delimited(delimiter: string | Uint8Array, options: FramerOptions = {}): Framer {
  const isText = typeof delimiter === "string";
  if (!isText && !(delimiter instanceof Uint8Array)) {
    throw new OptionError("delimited", "delimiter", "the delimiter must be a string or a Uint8Array");
  }
  const bytes = isText ? new TextEncoder().encode(delimiter) : delimiter.slice();
  if (bytes.length < 1 || bytes.length > delimiterMaxBytes) {
    throw new OptionError(
      "delimited",
      "delimiter",
      `the delimiter must have 1 to ${delimiterMaxBytes} bytes`,
    );
  }
  checkFramerOptions("delimited", options);
  return new DelimiterFramer(bytes, options);
}

/** By the number of matched bytes: how many still match when the next does not (Knuth, Morris, Pratt). */
function fallbacks(delimiter: Uint8Array): Uint8Array {
  const table = new Uint8Array(delimiter.length);
  let matched = 0;
  for (let index = 1; index < delimiter.length; index++) {
    while (matched > 0 && delimiter[index] !== delimiter[matched]) matched = table[matched - 1];
    if (delimiter[index] === delimiter[matched]) matched += 1;
    table[index] = matched;
  }
  return table;
}

class DelimiterFramer extends MessageFramer {
  readonly #delimiter: Uint8Array;
  readonly #fallbacks: Uint8Array;
  readonly #own = new ScanState();

  constructor(delimiter: Uint8Array, options: FramerOptions) {
    super(options);
    this.#delimiter = delimiter;
    this.#fallbacks = fallbacks(delimiter);
  }

  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    const after = this.#find(bytes, from, end, state);
    state.length += (after < 0 ? end : after) - from;
    const content = state.length - state.phase;
    return content > this.maxMessage ? tooLarge : after;
  }

  override contentEnd(_bytes: Uint8Array, _start: number, end: number): number {
    return end - this.#delimiter.length;
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    // Together with its own delimiter, too: "x--" before "--" would end one byte early.
    const state = this.#own;
    state.reset();
    const inside = this.#find(bytes, from, end, state) >= 0;
    const delimiter = this.#delimiter;
    if (!inside && this.#find(delimiter, 0, delimiter.length, state) === delimiter.length) return true;
    throw new OptionError("delimited", "message", "the message contains the delimiter");
  }

  override get tail(): Uint8Array {
    return this.#delimiter;
  }

  /** Position behind the first delimiter, or that there is none; `phase` counts the bytes that match. */
  #find(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    const delimiter = this.#delimiter;
    let matched = state.phase;
    let position = from;
    while (position < end) {
      if (matched === 0) {
        const found = findByte(bytes, delimiter[0], position, end);
        if (found < 0) break;
        position = found + 1;
        matched = 1;
      } else if (bytes[position] === delimiter[matched]) {
        position += 1;
        matched += 1;
      } else {
        matched = this.#fallbacks[matched - 1];
        continue;
      }
      if (matched === delimiter.length) {
        state.phase = matched;
        return position;
      }
    }
    state.phase = matched;
    return incomplete;
  }
}
