/**
 * The path as a Unix socket: whoever may connect to it may take the server's place.
 *
 * @module
 */
import type { EventLoop } from "../connection/event_loop.ts";
import { listen, type Listener } from "../connection/listener.ts";
import type { Connection } from "../connection/types.ts";
import {
  Channel,
  channelHandlers,
  channelOptions,
  type ChannelOwner,
  dialChannel,
  nobody,
} from "./channel.ts";
import type { Arrival } from "./channel_listener.ts";
import type { Rendezvous, WaitingPoint } from "./rendezvous.ts";
import { answerMilliseconds, visitorBytesMax } from "./succession.ts";

/** Permission bits: nobody but this user may take a server's sockets. */
const ownerOnly = 0o600;

export class SocketRendezvous implements Rendezvous {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  dial(loop: EventLoop, owner: ChannelOwner): Promise<Channel | undefined> {
    return dialChannel({ loop, unix: this.#path, timeout: answerMilliseconds }, () => owner);
  }

  // deno-lint-ignore require-await
  async wait(loop: EventLoop, arrived: Arrival, descriptor?: number): Promise<WaitingPoint> {
    const open = (connection: Connection<Channel>) => {
      const channel = new Channel(connection, nobody, visitorBytesMax);
      channel.owner = arrived(channel);
    };
    const place = descriptor === undefined
      ? { unix: this.#path, mode: ownerOnly }
      : { fd: descriptor, removePath: true };
    const socket = { ...channelHandlers, open };
    const listener: Listener<Channel> = listen<Channel>({ ...channelOptions, ...place, loop, socket });
    return {
      descriptor: listener.descriptor,
      close: () => listener.close(),
      handOn: () => listener.handOn(),
    };
  }
}
