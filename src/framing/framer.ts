/**
 * A framer: pure rules that find messages in bytes, and put prefix and delimiter around them.
 *
 * @module
 */
import { bufferLimitMaxBytes, messageDefaultMaxBytes } from "../base/limits.ts";
import { bytes } from "../base/option_kinds.ts";
import { checkOptions, type OptionSchema } from "../base/options.ts";
import type { ScanState } from "./scan.ts";

/** Options all framers have. */
export interface FramerOptions {
  /**
   * Bytes a received message may have, without what frames it. 65,536 by default. A longer one is a
   * MessageTooLargeError of its connection.
   */
  maxMessage?: number;
}

/** The keys of {@linkcode FramerOptions}. */
export const framerSchema: OptionSchema = { maxMessage: bytes(1, bufferLimitMaxBytes) };

/** Checks options that are no more than {@linkcode FramerOptions}. */
export function checkFramerOptions(operation: string, options: unknown): void {
  checkOptions(operation, options, framerSchema);
}

/** Why bytes are not a message. */
export interface FramerFault {
  readonly why: string;
  /** What a framer of the application's own has thrown. */
  readonly cause: unknown;
}

/** Nothing, as bytes. */
export const noBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * Finds messages in a stream of bytes and frames those to be sent. Made by {@linkcode lengthPrefixed},
 * {@linkcode lines}, {@linkcode crlfLines}, {@linkcode delimited}, {@linkcode dotTerminated} and
 * {@linkcode fixedSize}, or of an application's own rules by {@linkcode defineFramer}; given to
 * {@linkcode framed} or {@linkcode readMessage}. It has no state of its own, so one serves any number of
 * connections.
 *
 * @example
 * ```ts
 * import { lengthPrefixed } from "@ringport/ringport/framing";
 *
 * console.log(lengthPrefixed("u16be").encode("hello")); // 0, 5, then the text
 * ```
 */
export interface Framer {
  /** The most bytes a received message may have, without what frames it. */
  readonly maxMessage: number;
  /**
   * A message with all that frames it, as a copy.
   *
   * @throws {OptionError} for content that this framing cannot carry: too long for the prefix, of another
   * size, or with the delimiter in it.
   */
  encode(message: Uint8Array | string): Uint8Array<ArrayBuffer>;
}

/** A {@linkcode Framer} as the library uses it. */
export abstract class MessageFramer implements Framer {
  readonly maxMessage: number;

  /** True where received frames are byte for byte what would be sent for their content. */
  get mirrors(): boolean {
    return false;
  }

  constructor(options: FramerOptions) {
    this.maxMessage = options.maxMessage ?? messageDefaultMaxBytes;
  }

  /**
   * Looks at the bytes from `from` to before `end`, which follow those that `state` has seen. Returns the
   * position behind the message, or why there is none.
   */
  abstract scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number;

  /** Bytes in front of the content of a message whose scan ended so. */
  frontOf(_state: ScanState): number {
    return 0;
  }

  /**
   * Position behind the content of a message that lies from `start` to before `end`. Bytes to remove
   * from it are removed here, in place.
   */
  contentEnd(_bytes: Uint8Array, _start: number, end: number, _state: ScanState): number {
    return end;
  }

  /** Why the last scan found no message, where that is known. It is forgotten. */
  takeFault(): FramerFault | undefined {
    return undefined;
  }

  /**
   * Whether the content from `from` to before `end` can be sent as it is; where not, {@linkcode prepare}
   * makes something of it that can. Throws for what cannot be framed.
   */
  carries(_bytes: Uint8Array, _from: number, _end: number): boolean {
    return true;
  }

  /** Content as it is sent between head and tail. */
  prepare(content: Uint8Array): Uint8Array {
    return content;
  }

  /** The bytes in front of prepared content of this length; valid until the next call. */
  head(_length: number): Uint8Array {
    return noBytes;
  }

  /** What goes behind. */
  get tail(): Uint8Array {
    return noBytes;
  }

  encode(message: Uint8Array | string): Uint8Array<ArrayBuffer> {
    const given = typeof message === "string" ? encoder.encode(message) : message;
    const content = this.carries(given, 0, given.length) ? given : this.prepare(given);
    const head = this.head(content.length);
    const { tail } = this;
    const whole = new Uint8Array(head.length + content.length + tail.length);
    whole.set(head);
    whole.set(content, head.length);
    whole.set(tail, head.length + content.length);
    return whole;
  }
}

const encoder = new TextEncoder();
