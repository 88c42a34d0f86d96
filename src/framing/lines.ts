/**
 * Messages that are lines.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { checkFramerOptions, type Framer, type FramerOptions, MessageFramer } from "./framer.ts";
import { findByte, incomplete, malformed, type ScanState, tooLarge } from "./scan.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const lineFeedBytes = new Uint8Array([lineFeed]);
const crlfBytes = new Uint8Array([carriageReturn, lineFeed]);

/**
 * A framer for lines as people and programs write them: each ends with LF, and a CR right before it is taken
 * off as well. Sent lines end with LF. A message that has an LF in it, or ends with a CR, which the receiver
 * would take off, is an OptionError when it is sent.
 *
 * @throws {OptionError} for an unknown key or a wrong value.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { framed, lines } from "@ringport/ringport/framing";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(lines({ maxMessage: 1024 }), {
 *     message: (_connection, window, reply) => void reply.send(`you said ${window.text()}`),
 *   }),
 * });
 * console.log(listener.port);
 * ```
 */
export function lines(options: FramerOptions = {}): Framer {
  checkFramerOptions("lines", options);
  return new LineFramer(options);
}

/**
 * A framer for lines that end with CRLF and nothing else, as the protocols of the Internet have them
 * (RFC 5321, section 2.3.8): a CR or an LF alone is a MessageError with the code `ERR_MESSAGE_MALFORMED`,
 * because two programs that disagree about it can be played off against each other.
 *
 * @throws {OptionError} for an unknown key or a wrong value.
 *
 * @example
 * ```ts
 * import { crlfLines } from "@ringport/ringport/framing";
 *
 * console.log(crlfLines().encode("QUIT").length); // 6
 * ```
 */
export function crlfLines(options: FramerOptions = {}): Framer {
  checkFramerOptions("crlfLines", options);
  return new CrlfFramer(options);
}

class LineFramer extends MessageFramer {
  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    const found = findByte(bytes, lineFeed, from, end);
    if (found < 0) {
      // The last byte may be the CR of the line's end.
      if (end > from) state.phase = bytes[end - 1] === carriageReturn ? 1 : 0;
      state.length += end - from;
      return state.length - state.phase > this.maxMessage ? tooLarge : incomplete;
    }
    if (found > from) state.phase = bytes[found - 1] === carriageReturn ? 1 : 0;
    state.length += found + 1 - from;
    return state.length - 1 - state.phase > this.maxMessage ? tooLarge : found + 1;
  }

  override contentEnd(_bytes: Uint8Array, _start: number, end: number, state: ScanState): number {
    return end - 1 - state.phase;
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    if (findByte(bytes, lineFeed, from, end) >= 0) {
      throw new OptionError("lines", "message", "the message contains a line ending");
    }
    // The receiver would take it for a part of the line's end.
    if (end > from && bytes[end - 1] === carriageReturn) {
      throw new OptionError("lines", "message", "the message ends with a CR");
    }
    return true;
  }

  override get tail(): Uint8Array {
    return lineFeedBytes;
  }
}

class CrlfFramer extends MessageFramer {
  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    let afterReturn = state.phase === 1;
    for (let position = from; position < end; position++) {
      const byte = bytes[position];
      if (afterReturn && byte === lineFeed) {
        state.length += position + 1 - from;
        return state.length - crlfBytes.length > this.maxMessage ? tooLarge : position + 1;
      }
      if (afterReturn || byte === lineFeed) {
        // Which of the two errors comes first does not depend on where the bytes were cut.
        const content = state.length + position - from - (afterReturn ? 1 : 0);
        return content > this.maxMessage ? tooLarge : malformed;
      }
      afterReturn = byte === carriageReturn;
    }
    state.phase = afterReturn ? 1 : 0;
    state.length += end - from;
    return state.length - state.phase > this.maxMessage ? tooLarge : incomplete;
  }

  override contentEnd(_bytes: Uint8Array, _start: number, end: number): number {
    return end - crlfBytes.length;
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    if (findByte(bytes, lineFeed, from, end) < 0 && findByte(bytes, carriageReturn, from, end) < 0) {
      return true;
    }
    throw new OptionError("crlfLines", "message", "the message contains a CR or an LF");
  }

  override get tail(): Uint8Array {
    return crlfBytes;
  }
}
