/**
 * Taking the place of a server that runs: its listening sockets come from it, and it goes when this one
 * serves.
 *
 * @module
 */
import { messageOf } from "../../base/thrown.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import { discardDescriptor, type Lane, takeDescriptor, takeLane } from "../../loop/native.ts";
import type { ResolvedListenerOptions } from "../../server/options/mod.ts";
import type { Channel } from "../process/channel.ts";
import { inTime } from "../in_time.ts";
import type { Rendezvous } from "./rendezvous.ts";
import {
  answerMilliseconds,
  matchListeners,
  type OfferedListener,
  restartError as fault,
  successionProtocol,
  type ToPredecessor,
  type ToSuccessor,
} from "./succession.ts";

/** What a successor is made with. */
export interface TakeOverSettings {
  loop: EventLoop;
  /** Where the predecessor waits. */
  rendezvous: Rendezvous;
  listeners: readonly ResolvedListenerOptions[];
  library: string | undefined;
}

/** Sockets taken from a server that runs. */
export class Succession {
  /** The listening sockets by place among this server's own listeners; undefined where it has none. */
  readonly descriptors: readonly (number | undefined)[];
  /** The predecessor's own socket to wait for successors, where it gave one. */
  readonly point: number | undefined;
  readonly #channel: Channel;
  readonly #places: number[];
  readonly #done: Promise<unknown>;
  readonly #library: string | undefined;

  constructor(channel: Channel, done: Promise<unknown>, taken: Taken, settings: TakeOverSettings) {
    this.#channel = channel;
    this.#done = done;
    const matched = matchListeners(settings.listeners, taken.offered.map(({ listener }) => listener));
    this.#places = matched.filter((place) => place !== undefined);
    this.descriptors = matched.map((place) =>
      place === undefined ? undefined : taken.offered[place].descriptor
    );
    this.point = taken.point;
    this.#library = settings.library;
    // The predecessor closes what nobody takes.
    taken.offered.forEach(({ descriptor }, place) => {
      if (!this.#places.includes(place)) discardDescriptor(descriptor, settings.library);
    });
  }

  /** This server accepts: the predecessor is to go. Resolves when it accepts no more. */
  async finish(): Promise<void> {
    this.#channel.post({ kind: "ready", places: this.#places } satisfies ToPredecessor);
    await inTime(this.#done, answerMilliseconds);
    this.#channel.end();
  }

  /** This server does not start: the predecessor goes on. */
  giveUp(): void {
    this.#channel.abort();
    // The sockets that listen are closed with their listeners; nobody waits at this one yet.
    if (this.point !== undefined) discardDescriptor(this.point, this.#library);
  }
}

interface Taken {
  offered: { listener: OfferedListener; descriptor: number }[];
  point: number | undefined;
}

/**
 * Takes the sockets of the server that waits at the path; undefined where there is none.
 *
 * @throws {RingportError} code `ERR_RESTART`: there is one, and it does not give them.
 */
export async function takeOver(settings: TakeOverSettings): Promise<Succession | undefined> {
  const { library, rendezvous, loop } = settings;
  const taken: Taken = { offered: [], point: undefined };
  const all = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  all.promise.catch(() => {});
  let lane: Lane | undefined = undefined;
  const channel = await rendezvous.dial(loop, {
    received: (message) => {
      try {
        take(lane!, taken, message as ToSuccessor, all.resolve, done.resolve);
      } catch (error) {
        all.reject(fault(messageOf(error)));
      }
    },
    closed() {
      all.reject(fault("the server there has gone away"));
      done.resolve();
    },
  });
  if (channel === undefined) return undefined;
  try {
    lane = channel.lane ?? takeLane(undefined, undefined, library);
    const hello: ToPredecessor = { kind: "hello", protocol: successionProtocol, pid: host.pid };
    channel.post(hello);
    if (!(await inTime(all.promise, answerMilliseconds))) throw fault("the server there does not answer");
    return new Succession(channel, done.promise, taken, settings);
  } catch (error) {
    channel.abort();
    for (const { descriptor } of taken.offered) discardDescriptor(descriptor, library);
    if (taken.point !== undefined) discardDescriptor(taken.point, library);
    throw error;
  }
}

/** Does as the predecessor says; throws where it gives nothing. */
function take(lane: Lane, taken: Taken, said: ToSuccessor, all: () => void, done: () => void): void {
  const descriptorOf = (ticket: string) => {
    const descriptor = takeDescriptor(Uint8Array.fromBase64(ticket), lane);
    if (descriptor === "exhausted") throw new Error("this process has no descriptor left for them");
    return descriptor;
  };
  switch (said.kind) {
    case "listener":
      return void taken.offered.push({ listener: said.listener, descriptor: descriptorOf(said.ticket) });
    case "point":
      taken.point = descriptorOf(said.ticket);
      return;
    case "all":
      return all();
    case "done":
      return done();
    case "refused":
      throw new Error(said.reason);
  }
}
