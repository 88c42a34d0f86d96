/**
 * A server's two ends as far as other servers are concerned: the one whose place it took, and the one that
 * takes its place.
 *
 * @module
 */
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import type { Log } from "../../server/log/log.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import type { Acceptor } from "../accepting/acceptor.ts";
import { HandOverPoint } from "./hand_over_point.ts";
import { type Rendezvous, rendezvousAt } from "./rendezvous.ts";
import type { OfferedListener } from "./succession.ts";
import { type Succession, takeOver } from "./take_over.ts";

/**
 * Nothing on Windows promises that accept does not wait where the connection it was called for has gone to
 * another process meanwhile. So two servers never accept from one queue there: what comes while the one has
 * ceased and the other not yet begun waits in it for a few milliseconds.
 */
const oneAccepts = host.operatingSystem === "windows";

export class Replacement {
  readonly #options: ResolvedServerOptions;
  readonly #log: Log;
  readonly #told: (event: "come" | "failed" | "ready") => void;
  readonly #rendezvous: Rendezvous | undefined;
  #predecessor: Succession | undefined = undefined;
  #point: HandOverPoint | undefined = undefined;
  readonly #refused = Promise.withResolvers<void>();

  /** `told`: hears of a successor. */
  constructor(options: ResolvedServerOptions, log: Log, told: (event: "come" | "failed" | "ready") => void) {
    this.#told = told;
    this.#options = options;
    this.#log = log;
    this.#rendezvous = options.restartPath === undefined
      ? undefined
      : rendezvousAt(options.restartPath, options.library);
  }

  /** The sockets of a server that runs, by place; empty where there is none. It serves on meanwhile. */
  async take(loop: EventLoop): Promise<readonly (number | undefined)[]> {
    const { listeners, library } = this.#options;
    const rendezvous = this.#rendezvous;
    if (rendezvous === undefined) return [];
    this.#predecessor = await takeOver({ loop, rendezvous, listeners, library });
    if (this.#predecessor === undefined) return [];
    const { descriptors } = this.#predecessor;
    const taken = descriptors.filter((descriptor) => descriptor !== undefined).length;
    this.#log.tell("server.restart", { listeners: taken });
    return descriptors;
  }

  /** Another server runs that goes when this one serves. */
  get hasPredecessor(): boolean {
    return this.#predecessor !== undefined;
  }

  /** It has the sockets of another server. */
  get tookOver(): boolean {
    return this.#predecessor !== undefined;
  }

  /** This server does not start: the other one goes on. */
  giveUp(): void {
    this.#predecessor?.giveUp();
  }

  /**
   * All workers serve: this server accepts, and the other one is to go. From now on it waits for a successor
   * of its own.
   *
   * @param accept begins to accept.
   * @param yielded a successor serves, and this server is to shut down.
   */
  async serving(
    loop: EventLoop,
    acceptor: Acceptor,
    accept: () => void,
    yielded: () => Promise<void>,
  ): Promise<void> {
    const predecessor = this.#predecessor;
    const goesFirst = predecessor !== undefined && oneAccepts;
    if (!goesFirst) accept();
    await predecessor?.finish();
    if (goesFirst) accept();
    if (this.#rendezvous === undefined) return;
    acceptor.own();
    try {
      const point = new HandOverPoint({
        offers: () => this.#offers(acceptor),
        told: (event) => {
          this.#log.tell(`successor.${event}`);
          this.#told(event);
        },
        yield: async (places) => {
          acceptor.share(places);
          await yielded();
          await this.#refused.promise;
        },
      }, this.#options.library);
      await point.open(loop, this.#rendezvous, predecessor?.point);
      this.#point = point;
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
