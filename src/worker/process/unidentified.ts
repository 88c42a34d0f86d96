/**
 * Channels of peers that have not said yet who they are: few at once, and each for a short time only.
 *
 * @module
 */
import { greetingTimeoutMilliseconds, unidentifiedChannelsMax } from "../../base/limits.ts";
import type { Channel, ChannelOwner } from "./channel.ts";

export class UnidentifiedChannels {
  /** Oldest first. */
  readonly #timers = new Map<Channel, ReturnType<typeof setTimeout>>();

  /**
   * Hears a channel until its first message, which `identify` gets. The oldest channel makes room for a new
   * one: a process of this server speaks at once, so that one that is silent for longest is the least likely
   * to be one.
   */
  hear(channel: Channel, identify: (message: unknown) => void): ChannelOwner {
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

  #drop(channel: Channel): void {
    this.#forget(channel);
    channel.abort();
  }

  #forget(channel: Channel): void {
    clearTimeout(this.#timers.get(channel));
    this.#timers.delete(channel);
  }
}
