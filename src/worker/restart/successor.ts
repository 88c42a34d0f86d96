/**
 * The server that will replace this one: the running server waits for it, passes it the listening sockets and
 * ends when it serves. Until then nothing changes: both have the same queues, and a successor that fails is
 * forgotten.
 *
 * @module
 */
import { TimeoutError } from "../../base/errors.ts";
import { textOf } from "../../base/thrown.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { giveDescriptor, type Lane, openLane } from "../../loop/native.ts";
import type { ChannelHandlers, ProcessChannel } from "../process/channel.ts";
import type { Rendezvous, WaitingServer } from "./rendezvous.ts";
import { type OfferedListener, restartProtocol, type ToPredecessor, type ToSuccessor } from "./messages.ts";
import { UnidentifiedChannels } from "../process/channel_tokens.ts";

/** The progress of a successor: it has connected, has failed, or serves. */
type SuccessorEvent = "come" | "failed" | "ready";

/** What a server does for its successor. */
interface SuccessorSettings {
  library: string | undefined;
  /** The listeners with their descriptors. */
  offers(): { listener: OfferedListener; descriptor: number }[];
  told(event: SuccessorEvent): void;
  /** Accepts no more at these listeners, which live on in the successor; resolves when that is so. */
  yield(listeners: readonly number[]): Promise<void>;
}

/** Milliseconds until a successor that is behind with taking is tried again, and how often. */
const retryMilliseconds = 5;
const retriesMax = 1_000;

export class Successor {
  readonly #settings: SuccessorSettings;
  #waiting: WaitingServer | undefined = undefined;
  /** The successor that is at it. */
  #visitor: ProcessChannel | undefined = undefined;
  readonly #unidentified = new UnidentifiedChannels();
  #ready = false;

  constructor(settings: SuccessorSettings) {
    this.#settings = settings;
  }

  /**
   * Waits for it from now on. `descriptor`: a socket that listens there already. Throws where that cannot be.
   */
  async expect(loop: EventLoop, rendezvous: Rendezvous, descriptor?: number): Promise<void> {
    this.#waiting = await rendezvous.wait(loop, (channel) => this.#visit(channel), descriptor);
  }

  /** Waits no more. The path goes, unless a successor has it. */
  async close(): Promise<void> {
    this.#unidentified.clear();
    if (this.#ready) await this.#waiting?.leave();
    else await this.#waiting?.close();
  }

  #visit(channel: ProcessChannel): ChannelHandlers {
    return this.#unidentified.hear(channel, (message) => {
      channel.handlers = {
        received: (further) => this.#said(channel, (further ?? {}) as ToPredecessor),
        closed: () => this.#visitor === channel && this.#left(),
      };
      channel.handlers.received(message);
    });
  }

  #said(channel: ProcessChannel, message: ToPredecessor): void {
    if (message.kind === "hello") return this.#greet(channel, message);
    if (message.kind !== "ready" || channel !== this.#visitor || this.#ready) return channel.abort();
    void this.#yield(channel, message.listeners);
  }

  #greet(channel: ProcessChannel, { protocol, pid }: ToPredecessor & { kind: "hello" }): void {
    const refuse = (reason: string) => {
      channel.post({ kind: "refused", reason } satisfies ToSuccessor);
      channel.end();
    };
    if (protocol !== restartProtocol) {
      return refuse(`it speaks version ${restartProtocol} of the protocol, not ${protocol}`);
    }
    if (this.#visitor !== undefined) return refuse("another server is about to take its place");
    this.#visitor = channel;
    this.#settings.told("come");
    this.#offer(channel, pid).catch((error: unknown) => refuse(textOf(error)));
  }

  async #offer(channel: ProcessChannel, pid: number): Promise<void> {
    const lane = channel.lane ?? openLane(undefined, pid, this.#settings.library);
    const post = (message: ToSuccessor) => channel.post(message);
    for (const { listener, descriptor } of this.#settings.offers()) {
      post({ kind: "listener", listener, ticket: await this.#give(descriptor, lane) });
    }
    const own = this.#waiting?.descriptor;
    if (own !== undefined) post({ kind: "rendezvous", ticket: await this.#give(own, lane) });
    post({ kind: "all" });
  }

  /** Ends with an error once the channel is closed, and the lane with it. */
  async #give(descriptor: number, lane: Lane): Promise<string> {
    for (let attempt = 0; attempt < retriesMax; attempt++) {
      const ticket = giveDescriptor(descriptor, lane);
      if (ticket !== "busy") return ticket.toBase64();
      await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
    }
    throw new TimeoutError("the successor takes none of the sockets", {
      code: "ETIMEDOUT",
      operation: "give",
    });
  }

  async #yield(channel: ProcessChannel, listeners: readonly number[]): Promise<void> {
    this.#ready = true;
    this.#settings.told("ready");
    await this.#settings.yield(listeners);
    channel.post({ kind: "done" } satisfies ToSuccessor);
    channel.end();
  }

  #left(): void {
    this.#visitor = undefined;
    if (!this.#ready) this.#settings.told("failed");
  }
}
