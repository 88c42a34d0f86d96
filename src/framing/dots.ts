/**
 * Messages as SMTP sends mail: lines, ended by a line of a single dot (RFC 5321, section 4.5.2).
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { checkFramerOptions, type Framer, type FramerOptions, MessageFramer } from "./framer.ts";
import { findByte, incomplete, malformed, type ScanState, tooLarge } from "./scan.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dot = 0x2e;
const ending = new Uint8Array([dot, carriageReturn, lineFeed]);

/** Where in a line the scan stands; {@linkcode lineStart} must be 0, because there a message begins. */
const lineStart = 0;
const dotSeen = 1;
const dotReturn = 2;
const within = 3;
const withinReturn = 4;
/** Behind the dot, CR and LF that end the message. */
const over = 5;

/** Bytes of the end of a line. */
const crlfBytes = 2;

/** Bytes in each phase that may yet turn out to be the message's end. */
const undecided = [0, 1, 2, 0, 0, ending.length];

/**
 * A framer for mail as SMTP's DATA transfers it (RFC 5321, section 4.5.2): lines end with CRLF and with
 * nothing else; a line of a single dot ends the message; of any other line that begins with a dot, this dot
 * is taken off, in place. A message is the lines with their CRLF. When it is sent, dots are put in, and a
 * last line without CRLF gets one.
 *
 * A CR or an LF alone is a MessageError with the code `ERR_MESSAGE_MALFORMED` when it is received and an
 * OptionError when it is sent: a server that takes LF, dot, LF for the end of a mail and one that does not
 * can be played off against each other (SMTP smuggling).
 *
 * @throws {OptionError} for an unknown key or a wrong value.
 *
 * @example
 * ```ts
 * import { dotTerminated } from "@ringport/ringport/framing";
 *
 * const mail = dotTerminated({ maxMessage: 10_000_000 });
 * console.log(new TextDecoder().decode(mail.encode("one\r\n.two"))); // one, ..two and .
 * ```
 */
export function dotTerminated(options: FramerOptions = {}): Framer {
  checkFramerOptions("dotTerminated", options);
  return new DotFramer(options);
}

class DotFramer extends MessageFramer {
  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    const result = walk(bytes, from, end, state);
    const content = state.length - state.stuffed - undecided[state.phase];
    return content > this.maxMessage ? tooLarge : result;
  }

  override contentEnd(bytes: Uint8Array, start: number, end: number, state: ScanState): number {
    const contentEnd = end - ending.length;
    return state.stuffed === 0 ? contentEnd : takeDotsOut(bytes, start, contentEnd);
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    checkLines(bytes, from, end);
    return endsLine(bytes, from, end) && countDots(bytes, from, end) === 0;
  }

  override prepare(content: Uint8Array): Uint8Array {
    const closed = endsLine(content, 0, content.length);
    const dots = countDots(content, 0, content.length);
    const prepared = new Uint8Array(content.length + dots + (closed ? 0 : crlfBytes));
    const length = putDotsIn(content, prepared);
    if (!closed) {
      prepared[length] = carriageReturn;
      prepared[length + 1] = lineFeed;
    }
    return prepared;
  }

  override get tail(): Uint8Array {
    return ending;
  }
}

/**
 * Goes through the lines and counts the bytes of the message: the position behind it, or why there is none.
 * `phase` and `length` are then those before the first byte that breaks the rules.
 */
function walk(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
  let phase = state.phase;
  let position = from;
  let result: number = incomplete;
  while (position < end) {
    if (phase === within) {
      const found = findByte(bytes, carriageReturn, position, end);
      const lineEnd = found < 0 ? end : found;
      const bare = findByte(bytes, lineFeed, position, lineEnd);
      position = bare < 0 ? lineEnd : bare;
      if (bare >= 0) result = malformed;
      if (bare >= 0 || found < 0) break;
    }
    const byte = bytes[position];
    const following = next(phase, byte);
    if (following < 0) {
      result = following;
      break;
    }
    // A dot with anything but CRLF behind it was stuffed in.
    if (phase === dotSeen && following === within) state.stuffed += 1;
    phase = following;
    position += 1;
    if (phase === over) {
      result = position;
      break;
    }
  }
  state.phase = phase;
  state.length += position - from;
  return result;
}

/** The phase behind `byte`, or that it may not stand there. */
function next(phase: number, byte: number): number {
  if (phase === dotReturn) return byte === lineFeed ? over : malformed;
  if (phase === withinReturn) return byte === lineFeed ? lineStart : malformed;
  if (byte === lineFeed) return malformed;
  if (byte === carriageReturn) return phase === dotSeen ? dotReturn : withinReturn;
  return phase === lineStart && byte === dot ? dotSeen : within;
}

/** Throws for content with a CR or an LF alone. */
function checkLines(bytes: Uint8Array, from: number, end: number): void {
  let position = from;
  while (position < end) {
    const found = findByte(bytes, carriageReturn, position, end);
    const lineEnd = found < 0 ? end : found;
    const bare = findByte(bytes, lineFeed, position, lineEnd) >= 0 ||
      (found >= 0 && (found + 1 === end || bytes[found + 1] !== lineFeed));
    if (bare) {
      throw new OptionError("dotTerminated", "message", "the message contains a CR or an LF on its own");
    }
    position = lineEnd + crlfBytes;
  }
}

/** Closes the gaps where dots were; returns where the content then ends. */
function takeDotsOut(bytes: Uint8Array, start: number, end: number): number {
  let target = start;
  let atStart = true;
  let previous = 0;
  for (let position = start; position < end; position++) {
    const byte = bytes[position];
    if (!(atStart && byte === dot)) bytes[target++] = byte;
    atStart = byte === lineFeed && previous === carriageReturn;
    previous = byte;
  }
  return target;
}

/** Content that is empty or ends with CRLF. */
function endsLine(bytes: Uint8Array, from: number, end: number): boolean {
  return from === end ||
    (end - from >= 2 && bytes[end - 1] === lineFeed && bytes[end - 2] === carriageReturn);
}

/** Lines of content that begin with a dot. */
function countDots(bytes: Uint8Array, from: number, end: number): number {
  let dots = 0;
  let atStart = true;
  let previous = 0;
  for (let position = from; position < end; position++) {
    const byte = bytes[position];
    if (atStart && byte === dot) dots += 1;
    atStart = byte === lineFeed && previous === carriageReturn;
    previous = byte;
  }
  return dots;
}

/** Copies content with a dot before each line that begins with one; returns how many bytes came out. */
function putDotsIn(content: Uint8Array, target: Uint8Array): number {
  let length = 0;
  let atStart = true;
  let previous = 0;
  for (const byte of content) {
    if (atStart && byte === dot) target[length++] = dot;
    target[length++] = byte;
    atStart = byte === lineFeed && previous === carriageReturn;
    previous = byte;
  }
  return length;
}
