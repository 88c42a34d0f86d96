/**
 * Where a running server waits for its successor, gives it the listening sockets and, when it serves, goes.
 * Until then nothing changes: both have the same queues, and a successor that fails is forgotten.
 *
 * @module
 */
import { textOf } from "../../base/thrown.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { giveDescriptor, type Lane, openLane } from "../../loop/native.ts";
import type { Channel, ChannelOwner } from "../process/channel.ts";
import type { Rendezvous, WaitingPoint } from "./rendezvous.ts";
import {
  type OfferedListener,
  successionProtocol,
  type ToPredecessor,
  type ToSuccessor,
} from "./succession.ts";
import { UnidentifiedChannels } from "../process/unidentified.ts";

/** What the point needs of the server. */
export interface HandOverOwner {
  /** The listeners with their descriptors. */
  offers(): { listener: OfferedListener; descriptor: number }[];
  /** A successor has come, has failed, or takes over. */
  told(event: "come" | "failed" | "ready"): void;
  /** Accepts no more at the listeners of these places, which live on; resolves when that is so. */
  yield(places: readonly number[]): Promise<void>;
}

/** Milliseconds until a successor that is behind with taking is tried again, and how often. */
const retryMilliseconds = 5;
const retriesMax = 1_000;

export class HandOverPoint {
  #place: WaitingPoint | undefined = undefined;
  readonly #owner: HandOverOwner;
  readonly #library: string | undefined;
  /** The successor that is at it. */
  #visitor: Channel | undefined = undefined;
  readonly #unidentified = new UnidentifiedChannels();
  #ready = false;

  constructor(owner: HandOverOwner, library?: string) {
    this.#owner = owner;
    this.#library = library;
  }

  /** Waits from now on. `descriptor`: a socket that listens there already. Throws where that cannot be. */
  async open(loop: EventLoop, rendezvous: Rendezvous, descriptor?: number): Promise<void> {
    this.#place = await rendezvous.wait(loop, (channel) => this.#visit(channel), descriptor);
  }

  /** Waits no more. The path goes, unless a successor has it. */
  async close(): Promise<void> {
    this.#unidentified.clear();
    if (this.#ready) await this.#place?.handOn();
    else await this.#place?.close();
  }

  #visit(channel: Channel): ChannelOwner {
    return this.#unidentified.hear(channel, (message) => {
      channel.owner = {
        received: (further) => this.#said(channel, (further ?? {}) as ToPredecessor),
        closed: () => this.#visitor === channel && this.#left(),
      };
      channel.owner.received(message);
    });
  }

  #said(channel: Channel, message: ToPredecessor): void {
    if (message.kind === "hello") return this.#greet(channel, message);
    if (message.kind !== "ready" || channel !== this.#visitor || this.#ready) return channel.abort();
    void this.#yield(channel, message.places);
  }

  #greet(channel: Channel, { protocol, pid }: ToPredecessor & { kind: "hello" }): void {
    const refuse = (reason: string) => {
      channel.post({ kind: "refused", reason } satisfies ToSuccessor);
      channel.end();
    };
    if (protocol !== successionProtocol) {
      return refuse(`it speaks version ${successionProtocol} of the protocol, not ${protocol}`);
    }
    if (this.#visitor !== undefined) return refuse("another server is about to take its place");
    this.#visitor = channel;
    this.#owner.told("come");
    this.#offer(channel, pid).catch((error: unknown) => refuse(textOf(error)));
  }

  async #offer(channel: Channel, pid: number): Promise<void> {
    const lane = channel.lane ?? openLane(undefined, pid, this.#library);
    const post = (message: ToSuccessor) => channel.post(message);
    for (const { listener, descriptor } of this.#owner.offers()) {
      post({ kind: "listener", listener, ticket: await this.#give(descriptor, lane) });
    }
    const own = this.#place?.descriptor;
    if (own !== undefined) post({ kind: "point", ticket: await this.#give(own, lane) });
    post({ kind: "all" });
  }

  /** Ends with an error once the channel is closed, and the lane with it. */
  async #give(descriptor: number, lane: Lane): Promise<string> {
    for (let attempt = 0; attempt < retriesMax; attempt++) {
      const ticket = giveDescriptor(descriptor, lane);
      if (ticket !== "busy") return ticket.toBase64();
      await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
    }
    throw new Error("the successor takes none of the sockets");
  }

  async #yield(channel: Channel, places: readonly number[]): Promise<void> {
    this.#ready = true;
    this.#owner.told("ready");
    await this.#owner.yield(places);
    channel.post({ kind: "done" } satisfies ToSuccessor);
    channel.end();
  }

  #left(): void {
    this.#visitor = undefined;
    if (!this.#ready) this.#owner.told("failed");
  }
}
