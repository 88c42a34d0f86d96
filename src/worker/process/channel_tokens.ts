/**
 * The tokens with which processes of a server prove where they belong.
 *
 * @module
 */
import { Channel, type ChannelOwner, type Connected, nobody } from "./channel.ts";
import { frameBytesMax } from "./frames.ts";
import { UnidentifiedChannels } from "./unidentified.ts";

/** Bytes of the first message, which is the token and no more. */
const greetingBytesMax = 256;

/** What a process says first. */
export interface Greeting {
  token: string;
}

/** Learns of the process that came with the token; gives the owner of the channel from now on. */
export type Arrival = (channel: Channel) => ChannelOwner;

/** Where processes report; `place` is good while one is expected. */
export interface ChannelDoor {
  readonly place: ChannelPlace;
  /** A token that lets one process in, once. Throws where nobody can be let in. */
  expect(arrived: Arrival): string;
  /** The token lets nobody in any more. */
  forget(token: string): void;
  /** Lets nobody in any more; those that have come stay. */
  close(): Promise<void>;
}

/** A Unix socket, or a port of the loopback address. */
export interface ChannelPlace {
  readonly path?: string;
  readonly port?: number;
}

export class ChannelTokens {
  readonly #expected = new Map<string, Arrival>();
  /** Tokens that may be shown any number of times. */
  readonly #lasting = new Set<string>();
  readonly #unidentified = new UnidentifiedChannels();

  /** True while no token would let anybody in. */
  get empty(): boolean {
    return this.#expected.size === 0;
  }

  /** A token that lets one process in, once. */
  expect(arrived: Arrival): string {
    const token = crypto.randomUUID();
    this.#expected.set(token, arrived);
    return token;
  }

  /** A token that lets in every process that shows it. */
  admit(arrived: Arrival): string {
    const token = this.expect(arrived);
    this.#lasting.add(token);
    return token;
  }

  /** This token lets nobody in any more. */
  forget(token: string): void {
    this.#expected.delete(token);
  }

  /** No token lets anybody in any more. */
  clear(): void {
    this.#expected.clear();
    this.#unidentified.clear();
  }

  /** A channel over a new connection, which has to show a token. */
  greet(connected: Connected): Channel {
    const channel = new Channel(connected, nobody, greetingBytesMax);
    channel.owner = this.#unidentified.hear(channel, (message) => this.#admit(channel, message));
    return channel;
  }

  #admit(channel: Channel, message: unknown): void {
    const token = String(((message ?? {}) as Partial<Greeting>).token);
    const arrived = this.#expected.get(token);
    if (arrived === undefined) return channel.abort();
    if (!this.#lasting.has(token)) this.#expected.delete(token);
    channel.bytesMax = frameBytesMax;
    channel.owner = arrived(channel);
  }
}
