/**
 * Messages between two processes, over a connection of this framework: four bytes of length, the lowest
 * first, and JSON of that length.
 *
 * @module
 */
import { ConnectionRefusedError, NotFoundError, RingportError } from "../../base/errors.ts";
import { connect } from "../../connect/connect.ts";
import type { CloseReason, Connection, SocketHandlers } from "../../stream/types.ts";
import type { ConnectOptions } from "../../connect/types.ts";
import type { Lane } from "../../loop/native.ts";

/** Receives the events of a channel. */
export interface ChannelHandlers {
  received(message: unknown): void;
  /** The other side is gone, or this one has ended. Called once, last. */
  closed(): void;
}

/** What a channel is made of. */
export interface Connected {
  readonly connection: Connection<ProcessChannel>;
  /** The way for descriptors beside it, which ends with the channel. */
  readonly lane?: Lane;
}

/** One end of the way. */
export class ProcessChannel {
  /** Changes once the other end is identified. */
  handlers: ChannelHandlers;
  /** The way for descriptors beside it, where there is one. */
  readonly lane: Lane | undefined;
  readonly #connection: Connection<ProcessChannel>;
  readonly #reader: FrameReader;
  readonly closed: Promise<unknown>;

  /** `bytesMax`: of the first messages, until their sender is identified. */
  constructor({ connection, lane }: Connected, handlers: ChannelHandlers, bytesMax?: number) {
    this.handlers = handlers;
    this.lane = lane;
    this.#connection = connection;
    this.#reader = new FrameReader(bytesMax);
    this.closed = connection.closed;
    connection.data = this;
  }

  /** Bytes of a message at most. */
  set bytesMax(bytes: number) {
    this.#reader.bytesMax = bytes;
  }

  /** Sends a message. One that finds no room ends the channel: a message must not be missing unnoticed. */
  post(message: unknown): void {
    const { state } = this.#connection;
    if (state !== "open" && state !== "read-ended") return;
    if (this.#connection.write(frameOf(message)) === "refused") this.#connection.abort();
  }

  /** What was posted goes out, then the channel ends. */
  end(): void {
    this.#connection.close();
  }

  abort(): void {
    this.#connection.abort();
  }

  /** The connection is closed, and nothing is given any more. */
  ended(): void {
    this.lane?.close();
    this.handlers.closed();
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes, (message) => this.handlers.received(message));
  }
}

/** Bytes a channel may have on their way: sixteen of the longest messages. */
const bufferLimitBytes = 16 * 1024 * 1024;

/** How the connections of channels are set up; a connection without a channel discards received bytes. */
export const channelHandlers: SocketHandlers<ProcessChannel> = {
  data: (connection, window) => connection.data?.push(window.bytes),
  close: (connection: Connection<ProcessChannel>, _: CloseReason) => connection.data?.ended(),
  // A peer that sends something else than messages is cut; its channel says the rest.
  error: () => {},
};

/** Options of a channel's connection, at both ends. */
export const channelOptions = { socket: channelHandlers, bufferLimit: bufferLimitBytes };

/**
 * A channel to the process that listens at an address, which receives from the first byte on; undefined where
 * none does.
 *
 * @param handlersOf returns its handlers.
 */
export async function dialChannel(
  address: Pick<ConnectOptions<ProcessChannel>, "loop" | "hostname" | "port" | "timeouts">,
  handlersOf: (channel: ProcessChannel) => ChannelHandlers,
): Promise<ProcessChannel | undefined> {
  const open = (connection: Connection<ProcessChannel>) => {
    const channel = new ProcessChannel({ connection }, nobody);
    channel.handlers = handlersOf(channel);
  };
  try {
    const socket = { ...channelHandlers, open };
    return (await connect<ProcessChannel>(
      { ...channelOptions, ...address, socket } as ConnectOptions<ProcessChannel>,
    )).data;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ConnectionRefusedError) return undefined;
    throw error;
  }
}

/** Hears a channel until its handlers are known. */
export const nobody: ChannelHandlers = { received() {}, closed() {} };

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

  /** Gives each message that is complete to `take`. Throws a RingportError for anything else. */
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
