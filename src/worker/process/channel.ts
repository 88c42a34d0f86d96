/**
 * The way between two processes of a server: messages over a connection of this framework's own.
 *
 * @module
 */
import { ConnectionRefusedError, NotFoundError } from "../../base/errors.ts";
import { connect } from "../../connect/connect.ts";
import type { CloseReason, Connection, SocketHandlers } from "../../stream/types.ts";
import type { ConnectOptions } from "../../connect/types.ts";
import type { Lane } from "../../loop/native.ts";
import { frameOf, FrameReader } from "./frames.ts";

/** Whom a channel tells. */
export interface ChannelOwner {
  received(message: unknown): void;
  /** The other side is gone, or this one has ended. Called once, last. */
  closed(): void;
}

/** What a channel is made of. */
export interface Connected {
  readonly connection: Connection<Channel>;
  /** The way for descriptors beside it, which ends with the channel. */
  readonly lane?: Lane;
}

/** One end of the way. */
export class Channel {
  /** Changes once it is known who is at the other end. */
  owner: ChannelOwner;
  /** The way for descriptors beside it, where there is one. */
  readonly lane: Lane | undefined;
  readonly #connection: Connection<Channel>;
  readonly #reader: FrameReader;
  readonly closed: Promise<unknown>;

  /** `bytesMax`: of the first messages, until it is known who sends them. */
  constructor({ connection, lane }: Connected, owner: ChannelOwner, bytesMax?: number) {
    this.owner = owner;
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
    this.owner.closed();
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes, (message) => this.owner.received(message));
  }
}

/** Bytes a channel may have on their way: sixteen of the longest messages. */
const bufferLimitBytes = 16 * 1024 * 1024;

/** How the connections of channels are set up; a connection without a channel throws away what comes. */
export const channelHandlers: SocketHandlers<Channel> = {
  data: (connection, window) => connection.data?.push(window.bytes),
  close: (connection: Connection<Channel>, _: CloseReason) => connection.data?.ended(),
  // Whoever sends what is no message is cut; its channel says the rest.
  error: () => {},
};

/** Options of a channel's connection, at both ends. */
export const channelOptions = { socket: channelHandlers, bufferLimit: bufferLimitBytes };

/**
 * A channel to whoever listens at a place, which hears from the first byte on; undefined where nobody does.
 *
 * @param owned gives who hears it.
 */
export async function dialChannel(
  place: Pick<ConnectOptions<Channel>, "loop" | "hostname" | "port" | "timeouts">,
  owned: (channel: Channel) => ChannelOwner,
): Promise<Channel | undefined> {
  const open = (connection: Connection<Channel>) => {
    const channel = new Channel({ connection }, nobody);
    channel.owner = owned(channel);
  };
  try {
    const socket = { ...channelHandlers, open };
    return (await connect<Channel>({ ...channelOptions, ...place, socket } as ConnectOptions<Channel>)).data;
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ConnectionRefusedError) return undefined;
    throw error;
  }
}

/** Hears a channel until its owner is known. */
export const nobody: ChannelOwner = { received() {}, closed() {} };
