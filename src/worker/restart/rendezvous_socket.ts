/**
 * The path as a Unix socket: a process that may connect to it may take the server's place.
 *
 * @module
 */
import { AccessDeniedError } from "../../base/errors.ts";
import { messageOf } from "../../base/thrown.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { listenRaw } from "../../listen/bound_source.ts";
import { Channel, type ChannelOwner, type Connected, nobody } from "../process/channel.ts";
import { acceptChannel, dialUnixChannel } from "../process/channel_lane.ts";
import type { Arrival } from "../process/channel_tokens.ts";
import type { Rendezvous, WaitingPoint } from "./rendezvous.ts";
import { answerMilliseconds, restartError, visitorBytesMax } from "./succession.ts";

/** Permission bits: nobody but this user may take a server's sockets. */
const ownerOnly = 0o600;

export class SocketRendezvous implements Rendezvous {
  readonly #path: string;
  readonly #library: string | undefined;

  constructor(path: string, library: string | undefined) {
    this.#path = path;
    this.#library = library;
  }

  async dial(loop: EventLoop, owner: ChannelOwner): Promise<Channel | undefined> {
    const dialling = { milliseconds: answerMilliseconds, library: this.#library };
    try {
      return await dialUnixChannel(loop, this.#path, () => owner, dialling);
    } catch (error) {
      if (!(error instanceof AccessDeniedError)) throw restartError(messageOf(error));
      throw restartError(`"${this.#path}" is out of reach, or a process of another user listens there`);
    }
  }

  // deno-lint-ignore require-await
  async wait(loop: EventLoop, arrived: Arrival, descriptor?: number): Promise<WaitingPoint> {
    const greet = (connected: Connected) => {
      const channel = new Channel(connected, nobody, visitorBytesMax);
      channel.owner = arrived(channel);
      return channel;
    };
    const place = descriptor === undefined
      ? { unix: this.#path, mode: ownerOnly }
      : { fd: descriptor, removePath: true };
    const listener = listenRaw(
      loop,
      place,
      (accepted) => acceptChannel(loop, accepted, greet, this.#library),
    );
    return {
      descriptor: listener.descriptor,
      close: () => listener.close(),
      handOn: () => listener.handOn(),
    };
  }
}
