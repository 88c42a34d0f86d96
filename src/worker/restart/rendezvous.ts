/**
 * Where a running server waits for its successor: at the path of the option `restartPath`, which is a Unix
 * socket on Linux and a file on Windows.
 *
 * @module
 */
import { AccessDeniedError } from "../../base/errors.ts";
import { messageOf } from "../../base/thrown.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import { host } from "../../host/mod.ts";
import { listenRaw } from "../../listen/bound_source.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import {
  type ChannelHandlers,
  type Connected,
  dialChannel,
  nobody,
  ProcessChannel,
} from "../process/channel.ts";
import { LoopbackChannelListener } from "../process/channel_listener.ts";
import type { Arrival, TokenMessage } from "../process/channel_tokens.ts";
import { acceptChannel, dialUnixChannel } from "../process/unix_channel.ts";
import { answerMilliseconds, restartError, successorBytesMax } from "./messages.ts";

/** A path at which one server waits at a time. */
export interface Rendezvous {
  /** Calls the server that waits there, whose messages `handlers` get; undefined where there is none. */
  dial(loop: EventLoop, handlers: ChannelHandlers): Promise<ProcessChannel | undefined>;
  /**
   * Waits there from now on. Throws where another server does.
   *
   * @param arrived called for each channel that connects.
   * @param descriptor the predecessor's socket, where it passed one.
   */
  wait(loop: EventLoop, arrived: Arrival, descriptor?: number): Promise<WaitingServer>;
}

/** A server that waits. */
export interface WaitingServer {
  /** The socket that a successor continues with; undefined if it creates its own. */
  readonly descriptor: number | undefined;
  /** Waits no more; what stands at the path goes. */
  close(): Promise<void>;
  /** Waits no more; what stands at the path is the successor's. */
  leave(): Promise<void>;
}

export function rendezvousAt(path: string, library?: string): Rendezvous {
  return host.operatingSystem === "windows" ? new FileRendezvous(path) : new SocketRendezvous(path, library);
}

/** Permission bits: nobody but this user may take a server's sockets. */
const ownerOnly = 0o600;

/** A Unix socket: a process that may connect to it may replace the server. */
class SocketRendezvous implements Rendezvous {
  readonly #path: string;
  readonly #library: string | undefined;

  constructor(path: string, library: string | undefined) {
    this.#path = path;
    this.#library = library;
  }

  async dial(loop: EventLoop, handlers: ChannelHandlers): Promise<ProcessChannel | undefined> {
    const dialling = { milliseconds: answerMilliseconds, library: this.#library };
    try {
      return await dialUnixChannel(loop, this.#path, () => handlers, dialling);
    } catch (error) {
      if (!(error instanceof AccessDeniedError)) throw restartError(messageOf(error));
      throw restartError(`"${this.#path}" is out of reach, or a process of another user listens there`);
    }
  }

  // deno-lint-ignore require-await
  async wait(loop: EventLoop, arrived: Arrival, descriptor?: number): Promise<WaitingServer> {
    const greet = (connected: Connected) => {
      const channel = new ProcessChannel(connected, nobody, successorBytesMax);
      channel.handlers = arrived(channel);
      return channel;
    };
    const binding = descriptor === undefined
      ? { unix: this.#path, mode: ownerOnly }
      : { fd: descriptor, removePath: true };
    const listener = listenRaw(
      loop,
      binding,
      (accepted) => acceptChannel(loop, accepted, greet, this.#library),
    );
    return {
      descriptor: listener.descriptor,
      close: () => listener.close(),
      leave: () => listener.handOn(),
    };
  }
}

/** What the file says, as JSON. */
interface Notice {
  /** Tells it from files of others. */
  ringport: typeof mark;
  port: number;
  /** The token of a successor, and of the server in answer. */
  visitor: string;
  server: string;
}

const mark = "restart";
const loopback = "127.0.0.1";

/**
 * A file that says at which port of this machine the server waits. Each side proves to the other that it has
 * read the file: a process that may read it may replace the server, and a program that has come to the port
 * of a server that died is not taken for it.
 */
export class FileRendezvous implements Rendezvous {
  readonly #path: string;
  /** The text of the predecessor, which may be replaced although it lives. */
  #predecessor: string | undefined = undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async dial(loop: EventLoop, handlers: ChannelHandlers): Promise<ProcessChannel | undefined> {
    const text = await host.readText(this.#path);
    const notice = read(text);
    const channel = notice === undefined ? undefined : await this.#call(loop, notice, handlers);
    if (channel !== undefined) this.#predecessor = text;
    return channel;
  }

  async wait(loop: EventLoop, arrived: Arrival): Promise<WaitingServer> {
    await this.#checkFree(loop);
    const listener = new LoopbackChannelListener(loop);
    const server = crypto.randomUUID();
    const visitor = listener.admit((channel) => {
      channel.post({ token: server } satisfies TokenMessage);
      return arrived(channel);
    });
    const notice: Notice = { ringport: mark, port: listener.port, visitor, server };
    const text = JSON.stringify(notice);
    try {
      await host.writeText(this.#path, text);
    } catch (error) {
      await listener.close();
      throw restartError(`"${this.#path}" cannot be written: ${messageOf(error)}`);
    }
    return {
      descriptor: undefined,
      close: async () => {
        if (await host.readText(this.#path) === text) await host.removeFile(this.#path);
        await listener.close();
      },
      leave: () => listener.close(),
    };
  }

  /** Throws where the file is another server's or something else. One that is left over is nobody's. */
  async #checkFree(loop: EventLoop): Promise<void> {
    const text = await host.readText(this.#path);
    if (text === undefined || text.trim() === "" || text === this.#predecessor) return;
    const notice = read(text);
    if (notice === undefined) throw restartError(`"${this.#path}" is a file of something else`);
    const other = await this.#call(loop, notice, { received() {}, closed() {} });
    if (other === undefined) return;
    other.abort();
    throw restartError(`another server waits at "${this.#path}"`);
  }

  /** A channel to the server of the notice; undefined where it is gone, even if its port is another's now. */
  async #call(
    loop: EventLoop,
    notice: Notice,
    handlers: ChannelHandlers,
  ): Promise<ProcessChannel | undefined> {
    const { port, visitor, server } = notice;
    const answered = Promise.withResolvers<boolean>();
    const address = { loop, hostname: loopback, port, timeouts: { connect: answerMilliseconds } };
    const channel: ProcessChannel | undefined = await dialChannel(address, (channel) => ({
      received(message) {
        const proved = (message as Partial<TokenMessage> | null)?.token === server;
        if (proved) channel.handlers = handlers;
        answered.resolve(proved);
      },
      closed: () => answered.resolve(false),
    }));
    if (channel === undefined) return undefined;
    channel.post({ token: visitor } satisfies TokenMessage);
    if (!(await withTimeout(answered.promise, answerMilliseconds))) {
      channel.abort();
      const advice = `remove "${this.#path}" where no server runs`;
      throw restartError(`no answer at port ${port} of this machine; ${advice}`);
    }
    if (await answered.promise) return channel;
    channel.abort();
    return undefined;
  }
}

function read(text: string | undefined): Notice | undefined {
  try {
    const notice = JSON.parse(text ?? "") as Notice;
    const { ringport, port, visitor, server } = notice;
    const isPort = Number.isInteger(port) && port > 0 && port <= 0xffff;
    const isWhole = isPort && typeof visitor === "string" && typeof server === "string";
    return ringport === mark && isWhole ? notice : undefined;
  } catch {
    return undefined;
  }
}
