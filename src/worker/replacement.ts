/**
 * A server's two ends as far as other servers are concerned: the one whose place it took, and the one that
 * takes its place.
 *
 * @module
 */
import type { EventLoop } from "../connection/event_loop.ts";
import type { Log } from "../server/log.ts";
import type { ResolvedServerOptions } from "../server/options.ts";
import type { Acceptor } from "./acceptor.ts";
import { HandOverPoint } from "./hand_over_point.ts";
import type { OfferedListener } from "./succession.ts";
import { type Succession, takeOver } from "./take_over.ts";

export class Replacement {
  readonly #options: ResolvedServerOptions;
  readonly #log: Log;
  #predecessor: Succession | undefined = undefined;
  #point: HandOverPoint | undefined = undefined;
  readonly #refused = Promise.withResolvers<void>();

  constructor(options: ResolvedServerOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** The sockets of a server that runs, by place; empty where there is none. It serves on meanwhile. */
  async take(loop: EventLoop): Promise<readonly (number | undefined)[]> {
    const { handOver: path, listeners, library } = this.#options;
    if (path === undefined) return [];
    this.#predecessor = await takeOver({ loop, path, listeners, library });
    if (this.#predecessor === undefined) return [];
    const { descriptors } = this.#predecessor;
    const taken = descriptors.filter((descriptor) => descriptor !== undefined).length;
    this.#log.tell("server.handOver", { listeners: taken });
    return descriptors;
  }

  /** This server does not start: the other one goes on. */
  giveUp(): void {
    this.#predecessor?.giveUp();
  }

  /**
   * This server accepts: the other one is to go. From now on it waits for a successor of its own.
   *
   * @param yielded a successor serves, and this server is to shut down.
   */
  async serving(loop: EventLoop, acceptor: Acceptor, yielded: () => Promise<void>): Promise<void> {
    const { handOver: path, library } = this.#options;
    if (path === undefined) return;
    await this.#predecessor?.finish();
    acceptor.own();
    try {
      this.#point = new HandOverPoint(loop, { path, descriptor: this.#predecessor?.point }, {
        offers: () => this.#offers(acceptor),
        told: (event) => this.#log.tell(`successor.${event}`),
        yield: async (places) => {
          acceptor.share(places);
          await yielded();
          await this.#refused.promise;
        },
      }, library);
    } catch (error) {
      // A server that cannot be replaced still serves.
      this.#log.tell("successor.unreachable", { error });
    }
  }

  /** This server accepts no more. */
  async refused(): Promise<void> {
    this.#refused.resolve();
    await this.#point?.close();
  }

  #offers({ listeners }: Acceptor): { listener: OfferedListener; descriptor: number }[] {
    return listeners.map(({ address, descriptor }, place) => {
      const { name, hostname, port, inherited } = this.#options.listeners[place];
      return { listener: { name, hostname, port, inherited, address }, descriptor };
    });
  }
}
