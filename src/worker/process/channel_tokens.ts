/**
 * The tokens by which processes of a server identify themselves.
 *
 * @module
 */
import { greetingTimeoutMilliseconds, unidentifiedChannelsMax } from "../../base/limits.ts";
import { type ChannelHandlers, type Connected, frameBytesMax, nobody, ProcessChannel } from "./channel.ts";

/** Bytes of the first message, which is the token and no more. */
const greetingBytesMax = 256;

/** What a process says first. */
export interface TokenMessage {
  token: string;
}

/** Learns of the process that came with the token; gives the handlers of the channel from now on. */
export type Arrival = (channel: ProcessChannel) => ChannelHandlers;

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
  greet(connected: Connected): ProcessChannel {
    const channel = new ProcessChannel(connected, nobody, greetingBytesMax);
    channel.handlers = this.#unidentified.hear(channel, (message) => this.#admit(channel, message));
    return channel;
  }

  #admit(channel: ProcessChannel, message: unknown): void {
    const token = String(((message ?? {}) as Partial<TokenMessage>).token);
    const arrived = this.#expected.get(token);
    if (arrived === undefined) return channel.abort();
    if (!this.#lasting.has(token)) this.#expected.delete(token);
    channel.bytesMax = frameBytesMax;
    channel.handlers = arrived(channel);
  }
}

/**
 * Channels of peers that have not said yet who they are: few at once, and each for a short time only.
 */
export class UnidentifiedChannels {
  /** Oldest first. */
  readonly #timers = new Map<ProcessChannel, ReturnType<typeof setTimeout>>();

  /**
   * Hears a channel until its first message, which `identify` gets. The oldest channel makes room for a new
   * one: a process of this server speaks at once, so that one that is silent for longest is the least likely
   * to be one.
   */
  hear(channel: ProcessChannel, identify: (message: unknown) => void): ChannelHandlers {
    const [oldest] = this.#timers.keys();
    if (this.#timers.size >= unidentifiedChannelsMax) this.#drop(oldest);
    this.#timers.set(channel, setTimeout(() => this.#drop(channel), greetingTimeoutMilliseconds));
    return {
      received: (message) => {
        this.#forget(channel);
        identify(message);
      },
      closed: () => this.#forget(channel),
    };
  }

  /** Cuts all of them. */
  clear(): void {
    for (const channel of [...this.#timers.keys()]) this.#drop(channel);
  }

  #drop(channel: ProcessChannel): void {
    this.#forget(channel);
    channel.abort();
  }

  #forget(channel: ProcessChannel): void {
    clearTimeout(this.#timers.get(channel));
    this.#timers.delete(channel);
  }
}
