/**
 * Where the processes of a server report: a port of this machine alone, where each has to show the token it
 * was started with.
 *
 * @module
 */
import type { EventLoop } from "../connection/event_loop.ts";
import { listen, type Listener } from "../connection/listener.ts";
import { Channel, channelHandlers, channelOptions, type ChannelOwner } from "./channel.ts";
import { frameBytesMax } from "./frames.ts";

const loopback = "127.0.0.1";
/** Bytes of the first message, which is the token and no more. */
const greetingBytesMax = 256;
/** Milliseconds a connection may take to say who it is. */
const greetingMilliseconds = 5_000;

/** What a process says first. */
export interface Greeting {
  token: string;
}

/** Told of the process that came with the token; gives who hears it from now on. */
export type Arrival = (channel: Channel) => ChannelOwner;

export class ChannelListener {
  readonly #listener: Listener<Channel>;
  readonly #expected = new Map<string, Arrival>();
  /** Tokens that are good as often as somebody comes with them. */
  readonly #lasting = new Set<string>();

  constructor(loop: EventLoop) {
    const socket = {
      ...channelHandlers,
      open: (connection) => this.#greet(connection),
    } as typeof channelHandlers;
    this.#listener = listen<Channel>({ ...channelOptions, loop, hostname: loopback, port: 0, socket });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** A token that lets one process in, once. */
  expect(arrived: Arrival): string {
    const token = crypto.randomUUID();
    this.#expected.set(token, arrived);
    return token;
  }

  /** A token that lets in whoever has it. */
  admit(arrived: Arrival): string {
    const token = this.expect(arrived);
    this.#lasting.add(token);
    return token;
  }

  /** Nobody comes with this token any more. */
  forget(token: string): void {
    this.#expected.delete(token);
  }

  /** Nobody comes any more; those that have come stay. */
  end(): Promise<void> {
    this.#expected.clear();
    return this.#listener.close();
  }

  close(): void {
    this.#expected.clear();
    this.#listener.stop(true);
  }

  #greet(connection: Parameters<NonNullable<typeof channelHandlers.open>>[0]): void {
    const late = setTimeout(() => connection.abort(), greetingMilliseconds);
    const channel = new Channel(connection, {
      received: (message) => {
        clearTimeout(late);
        this.#admit(channel, message);
      },
      closed: () => clearTimeout(late),
    }, greetingBytesMax);
  }

  #admit(channel: Channel, message: unknown): void {
    const { token } = (message ?? {}) as Partial<Greeting>;
    const arrived = this.#expected.get(String(token));
    if (arrived === undefined) return channel.abort();
    if (!this.#lasting.has(String(token))) this.#expected.delete(String(token));
    channel.bytesMax = frameBytesMax;
    channel.owner = arrived(channel);
  }
}
