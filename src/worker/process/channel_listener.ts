/**
 * Where processes report by a port of this machine alone, where each has to show the token it was given.
 *
 * @module
 */
import type { EventLoop } from "../../loop/event_loop.ts";
import { listen, type Listener } from "../../listen/listener.ts";
import type { Connection } from "../../stream/types.ts";
import { type Channel, channelHandlers, channelOptions } from "./channel.ts";
import { type Arrival, type ChannelDoor, type ChannelPlace, ChannelTokens } from "./channel_tokens.ts";

const loopback = "127.0.0.1";

export class ChannelListener implements ChannelDoor {
  readonly #listener: Listener<Channel>;
  readonly #tokens = new ChannelTokens();

  constructor(loop: EventLoop) {
    const open = (connection: Connection<Channel>) => void this.#tokens.greet({ connection });
    const socket = { ...channelHandlers, open };
    this.#listener = listen<Channel>({ ...channelOptions, loop, hostname: loopback, port: 0, socket });
  }

  get port(): number {
    return this.#listener.port;
  }

  get place(): ChannelPlace {
    return { port: this.port };
  }

  expect(arrived: Arrival): string {
    return this.#tokens.expect(arrived);
  }

  /** A token that lets in every process that shows it. */
  admit(arrived: Arrival): string {
    return this.#tokens.admit(arrived);
  }

  forget(token: string): void {
    this.#tokens.forget(token);
  }

  async close(): Promise<void> {
    this.#tokens.clear();
    await this.#listener.stop();
  }
}
