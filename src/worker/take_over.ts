/**
 * Taking the place of a server that runs: its listening sockets come from it, and it goes when this one
 * serves.
 *
 * @module
 */
import { ConnectionRefusedError, NotFoundError, RingportError } from "../base/errors.ts";
import { connect } from "../connection/connect.ts";
import type { EventLoop } from "../connection/event_loop.ts";
import type { Connection } from "../connection/types.ts";
import { host } from "../host/mod.ts";
import { discardDescriptor, type Inbox, openInbox } from "../loop/open.ts";
import type { ResolvedListenerOptions } from "../server/options.ts";
import { Channel, channelOptions } from "./channel.ts";
import { inTime } from "./in_time.ts";
import {
  matchListeners,
  type OfferedListener,
  successionProtocol,
  type ToPredecessor,
  type ToSuccessor,
} from "./succession.ts";

/** What a successor is made with. */
export interface TakeOverSettings {
  loop: EventLoop;
  /** Where the predecessor waits. */
  path: string;
  listeners: readonly ResolvedListenerOptions[];
  library: string | undefined;
}

/** Milliseconds the predecessor may take to give its sockets, and to accept no more. */
const answerMilliseconds = 10_000;

/** Sockets taken from a server that runs. */
export class Succession {
  /** The listening sockets by place among this server's own listeners; undefined where it has none. */
  readonly descriptors: readonly (number | undefined)[];
  /** The predecessor's own place to wait for successors. */
  readonly point: number | undefined;
  readonly #channel: Channel;
  readonly #places: number[];
  readonly #done: Promise<unknown>;

  constructor(channel: Channel, done: Promise<unknown>, taken: Taken, settings: TakeOverSettings) {
    this.#channel = channel;
    this.#done = done;
    const matched = matchListeners(settings.listeners, taken.offered.map(({ listener }) => listener));
    this.#places = matched.filter((place) => place !== undefined);
    this.descriptors = matched.map((place) =>
      place === undefined ? undefined : taken.offered[place].descriptor
    );
    this.point = taken.point;
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
  }
}

interface Taken {
  offered: { listener: OfferedListener; descriptor: number }[];
  point: number | undefined;
}

/**
 * Takes the sockets of the server that waits at the path; undefined where there is none.
 *
 * @throws {RingportError} code `ERR_HAND_OVER`: there is one, and it does not give them.
 */
export async function takeOver(settings: TakeOverSettings): Promise<Succession | undefined> {
  if (host.operatingSystem === "windows") throw unsupported();
  const connection = await dial(settings);
  if (connection === undefined) return undefined;
  const { library } = settings;
  const taken: Taken = { offered: [], point: undefined };
  const all = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const name = crypto.randomUUID();
  const inbox = openInbox(name, library);
  all.promise.catch(() => {});
  const channel = new Channel(connection, {
    received: (message) => {
      try {
        take(inbox, taken, message as ToSuccessor, all.resolve, done.resolve);
      } catch (error) {
        all.reject(fault(error instanceof Error ? error.message : String(error)));
      }
    },
    closed() {
      all.reject(fault("the server there has gone away"));
      done.resolve();
    },
  });
  try {
    const hello: ToPredecessor = { kind: "hello", protocol: successionProtocol, pid: host.pid, inbox: name };
    channel.post(hello);
    if (!(await inTime(all.promise, answerMilliseconds))) throw fault("the server there does not answer");
    return new Succession(channel, done.promise, taken, settings);
  } catch (error) {
    channel.abort();
    for (const { descriptor } of taken.offered) discardDescriptor(descriptor, library);
    throw error;
  } finally {
    inbox.close();
  }
}

async function dial({ loop, path }: TakeOverSettings): Promise<Connection<Channel> | undefined> {
  try {
    return await connect<Channel>({ ...channelOptions, loop, unix: path, timeout: answerMilliseconds });
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ConnectionRefusedError) return undefined;
    throw error;
  }
}

/** Does as the predecessor says; throws where it gives nothing. */
function take(inbox: Inbox, taken: Taken, said: ToSuccessor, all: () => void, done: () => void): void {
  const descriptorOf = (ticket: string) => inbox.take(Uint8Array.fromBase64(ticket));
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

function unsupported(): RingportError {
  const why =
    "on Windows a listening socket belongs to one completion port for ever, and no successor could " +
    'accept from it (option "handOver")';
  return new RingportError(`start: ${why}`, { code: "ERR_NOT_SUPPORTED", operation: "start" });
}

function fault(message: string): RingportError {
  return new RingportError(`handOver: the sockets of the running server were not handed over: ${message}`, {
    code: "ERR_HAND_OVER",
    operation: "start",
    origin: "framework",
  });
}
