/**
 * The server that runs when this one starts: it passes its listening sockets to this server, and ends when
 * this one serves.
 *
 * @module
 */
import type { EventLoop } from "../../loop/event_loop.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import { host } from "../../host/mod.ts";
import { discardDescriptor, type Lane, takeDescriptor, takeLane } from "../../loop/native.ts";
import type { ResolvedListenerOptions } from "../../server/options/mod.ts";
import { absoluteUnixPath } from "../../stream/socket_address.ts";
import type { ProcessChannel } from "../process/channel.ts";
import {
  answerMilliseconds,
  type OfferedListener,
  restartError,
  restartErrorOf,
  restartProtocol,
  type ToPredecessor,
  type ToSuccessor,
} from "./messages.ts";
import type { Rendezvous } from "./rendezvous.ts";

/** How a predecessor is found, and what this server wants of it. */
interface PredecessorSettings {
  loop: EventLoop;
  /** Where the predecessor waits. */
  rendezvous: Rendezvous;
  listeners: readonly ResolvedListenerOptions[];
  library: string | undefined;
}

/** What a predecessor has passed. */
interface Passed {
  offered: { listener: OfferedListener; descriptor: number }[];
  rendezvous: number | undefined;
}

/**
 * Nothing on Windows promises that accept does not wait where the connection it was called for has gone to
 * another process meanwhile. So two servers never accept from one queue there: connections that arrive after
 * one has stopped and before the other has begun wait in it for a few milliseconds.
 */
const oneAccepts = host.operatingSystem === "windows";

export class Predecessor {
  /** Its listening sockets, by listener of this server; undefined where it has none that is the same. */
  readonly descriptors: readonly (number | undefined)[];
  /** The socket at which it waits for successors, where it has passed one. */
  readonly rendezvous: number | undefined;
  readonly #channel: ProcessChannel;
  /** Indices of the listeners that this server takes, among those offered. */
  readonly #taken: number[];
  readonly #done: Promise<unknown>;
  readonly #library: string | undefined;

  /**
   * Takes the sockets of the server that waits at the rendezvous; undefined where there is none. It serves on
   * meanwhile.
   *
   * @throws {RingportError} code `ERR_RESTART`: there is one, and it does not pass them.
   */
  static async find(settings: PredecessorSettings): Promise<Predecessor | undefined> {
    const { library, rendezvous, loop } = settings;
    const passed: Passed = { offered: [], rendezvous: undefined };
    const all = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    all.promise.catch(() => {});
    let lane: Lane | undefined = undefined;
    const channel = await rendezvous.dial(loop, {
      received: (message) => {
        try {
          take(lane!, passed, message as ToSuccessor, all.resolve, done.resolve);
        } catch (error) {
          all.reject(restartErrorOf(error));
        }
      },
      closed() {
        all.reject(restartError("the server there has gone away"));
        done.resolve();
      },
    });
    if (channel === undefined) return undefined;
    try {
      lane = channel.lane ?? takeLane(undefined, undefined, library);
      const hello: ToPredecessor = { kind: "hello", protocol: restartProtocol, pid: host.pid };
      channel.post(hello);
      if (!(await withTimeout(all.promise, answerMilliseconds))) {
        throw restartError("the server there does not answer");
      }
      return new Predecessor(channel, done.promise, passed, settings);
    } catch (error) {
      channel.abort();
      for (const { descriptor } of passed.offered) discardDescriptor(descriptor, library);
      if (passed.rendezvous !== undefined) discardDescriptor(passed.rendezvous, library);
      throw error;
    }
  }

  /** Use {@linkcode Predecessor.find}. */
  private constructor(
    channel: ProcessChannel,
    done: Promise<unknown>,
    { offered, rendezvous }: Passed,
    { listeners, library }: PredecessorSettings,
  ) {
    this.#channel = channel;
    this.#done = done;
    const matched = matchListeners(listeners, offered.map(({ listener }) => listener));
    this.#taken = matched.filter((index) => index !== undefined);
    this.descriptors = matched.map((index) => index === undefined ? undefined : offered[index].descriptor);
    this.rendezvous = rendezvous;
    this.#library = library;
    // The predecessor closes what nobody takes.
    offered.forEach(({ descriptor }, index) => {
      if (!this.#taken.includes(index)) discardDescriptor(descriptor, library);
    });
  }

  /**
   * All workers of this server are ready: it accepts, and the predecessor is to go. Resolves when that
   * accepts no more.
   *
   * @param accept begins to accept.
   */
  async replace(accept: () => void): Promise<void> {
    if (!oneAccepts) accept();
    this.#channel.post({ kind: "ready", listeners: this.#taken } satisfies ToPredecessor);
    await withTimeout(this.#done, answerMilliseconds);
    this.#channel.end();
    if (oneAccepts) accept();
  }

  /** This server does not start: the predecessor continues. */
  giveUp(): void {
    this.#channel.abort();
    // The sockets that listen are closed with their listeners; nobody waits at this one yet.
    if (this.rendezvous !== undefined) discardDescriptor(this.rendezvous, this.#library);
  }
}

/** Does as the predecessor says; throws where it passes nothing. */
function take(lane: Lane, passed: Passed, said: ToSuccessor, all: () => void, done: () => void): void {
  const descriptorOf = (ticket: string) => {
    const descriptor = takeDescriptor(Uint8Array.fromBase64(ticket), lane);
    if (descriptor === "exhausted") throw restartError("this process has no file descriptor left for them");
    return descriptor;
  };
  switch (said.kind) {
    case "listener":
      return void passed.offered.push({ listener: said.listener, descriptor: descriptorOf(said.ticket) });
    case "rendezvous":
      passed.rendezvous = descriptorOf(said.ticket);
      return;
    case "all":
      return all();
    case "done":
      return done();
    case "refused":
      throw restartError(said.reason);
  }
}

/**
 * For each listener that is wanted the index of the same one among those offered; undefined where none is.
 */
export function matchListeners(
  wanted: readonly ResolvedListenerOptions[],
  offered: readonly OfferedListener[],
): (number | undefined)[] {
  const free = new Set(offered.keys());
  return wanted.map((listener) => {
    for (const index of free) {
      if (!isSame(listener, offered[index])) continue;
      free.delete(index);
      return index;
    }
    return undefined;
  });
}

function isSame(wanted: ResolvedListenerOptions, offered: OfferedListener): boolean {
  const { address } = offered;
  if (wanted.inherited !== undefined) return offered.inherited === wanted.inherited;
  if (wanted.unix !== undefined) {
    return address.family === "Unix" && isSamePath(address.path ?? "", wanted.unix);
  }
  if (address.family === "Unix") return false;
  const sameHost = wanted.hostname === offered.hostname || wanted.hostname === address.hostname;
  if (!sameHost) return false;
  // Any free port: the one that the listener of the same name was given.
  if (wanted.port === 0) return offered.port === 0 && offered.name === wanted.name;
  return wanted.port === address.port;
}

/** A relative path is reported as given where it was bound, and as absolute where it was inherited. */
function isSamePath(one: string, other: string): boolean {
  return absoluteUnixPath(one) === absoluteUnixPath(other);
}
