/**
 * Messages between processes as they go over a connection: four bytes of length, the lowest first, and so
 * many bytes of JSON.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";

/** Bytes of one message at most: all options of a server with as many listeners as it may have, and more. */
export const frameBytesMax: number = 1024 * 1024;
const lengthBytes = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message ready to be sent. Throws for one that is too long or cannot be written as JSON. */
export function frameOf(message: unknown): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(JSON.stringify(message));
  if (body.length > frameBytesMax) throw fault(`a message of ${body.length} bytes is too long`);
  const frame = new Uint8Array(lengthBytes + body.length);
  new DataView(frame.buffer).setUint32(0, body.length, true);
  frame.set(body, lengthBytes);
  return frame;
}

/** Puts messages together from bytes as they come. */
export class FrameReader {
  /** Bytes of the next message at most. */
  bytesMax: number;
  #bytes = new Uint8Array(0);

  constructor(bytesMax: number = frameBytesMax) {
    this.bytesMax = bytesMax;
  }

  /** Gives each message that is complete to `take`. Throws a RingportError for what is no message. */
  push(bytes: Uint8Array, take: (message: unknown) => void): void {
    this.#append(bytes);
    for (;;) {
      const message = this.#next();
      if (message === undefined) return;
      take(message.value);
    }
  }

  #next(): { value: unknown } | undefined {
    const bytes = this.#bytes;
    if (bytes.length < lengthBytes) return undefined;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (length > this.bytesMax) throw fault(`a message of ${length} bytes is too long`);
    const end = lengthBytes + length;
    if (bytes.length < end) return undefined;
    this.#bytes = bytes.subarray(end);
    return { value: JSON.parse(decoder.decode(bytes.subarray(lengthBytes, end))) };
  }

  /** A part of a message is copied again with each piece that comes: messages come in one piece as a rule. */
  #append(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
  }
}

function fault(message: string): RingportError {
  return new RingportError(message, { code: "ERR_MESSAGE", operation: "message", origin: "framework" });
}
