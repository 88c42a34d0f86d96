/**
 * One UDP address of the server in one worker: its socket, and the replies that the application still owes.
 *
 * @module
 */
import { AddressInUseError } from "../base/errors.ts";
import type { SocketAddress } from "../base/address.ts";
import { udpSocket } from "../udp/open.ts";
import type { UdpSocket } from "../udp/socket.ts";
import type { UdpHandlers, UdpSocketOptions } from "../udp/socket.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import type { Application } from "./application.ts";
import type { ResolvedUdpOptions } from "./options/mod.ts";

/** Where a worker has its socket. */
export interface UdpPlan {
  /** The port that the server has found free. */
  port: number;
  /** Other workers have sockets at the same port. */
  reusePort: boolean;
  /** The socket that the service manager has opened, of which each worker takes a copy. */
  descriptor?: number;
  /** The worker that has the only socket, where workers cannot share a port. */
  onlyWorker?: number;
}

/**
 * Milliseconds between two attempts to bind the only socket, and how many there are: a worker that is being
 * replaced gives the port up when its loop is taken away, which takes a moment.
 */
const bindRetryMilliseconds = 50;
const bindAttemptsMax = 100;

/** The options of a socket at an address of the server. */
function udpOptionsOf(options: ResolvedUdpOptions, plan?: UdpPlan): UdpSocketOptions {
  const { name: _, application: __, lowWaterMark, highWaterMark, bufferLimit, ...own } = options;
  const marks = { lowWaterMark, highWaterMark, bufferLimit };
  if (own.inherited !== undefined) {
    const { hostname: _, port: __, ipv6Only: ___, inherited, ...socket } = own;
    const fd = plan?.descriptor;
    return { ...socket, ...marks, ...(fd === undefined ? { inherited } : { fd }) };
  }
  return { ...own, ...marks, port: plan?.port ?? options.port, reusePort: plan?.reusePort ?? false };
}

/**
 * Binds an address for a moment, so that one that is taken is an error at the start and a free port is the
 * same for all workers.
 *
 * @param shared another server of this user may have the port and continue meanwhile.
 */
export async function probeUdp(
  loop: EventLoop,
  options: ResolvedUdpOptions,
  shared: boolean,
): Promise<SocketAddress> {
  const reusePort = shared && options.inherited === undefined;
  const socket = await udpSocket({ ...udpOptionsOf(options), ...(reusePort ? { reusePort } : {}), loop });
  const { address } = socket;
  await socket.close();
  return address;
}

export class UdpListener {
  readonly name: string;
  readonly socket: UdpSocket;
  readonly #application: Application<unknown>;
  #pending = 0;
  #serving = false;
  #closing = false;
  #closed = false;

  /** Opens the socket without reading from it: until `serve` the kernel keeps the datagrams. */
  static async open(
    loop: EventLoop,
    options: ResolvedUdpOptions,
    plan: UdpPlan,
    application: Application<unknown>,
    emptied: () => void,
  ): Promise<UdpListener> {
    for (let attempt = 1;; attempt++) {
      try {
        const socket = await udpSocket({ ...udpOptionsOf(options, plan), loop });
        return new UdpListener(options.name, socket, application, emptied);
      } catch (error) {
        const isLeaving = plan.onlyWorker !== undefined && error instanceof AddressInUseError;
        if (!isLeaving || attempt === bindAttemptsMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, bindRetryMilliseconds));
      }
    }
  }

  private constructor(
    name: string,
    socket: UdpSocket,
    application: Application<unknown>,
    emptied: () => void,
  ) {
    this.name = name;
    this.socket = socket;
    this.#application = application;
    void socket.closed.then(() => {
      this.#closed = true;
      emptied();
    });
  }

  /** What a shutdown waits for: answers that are owed, and those on their way to the kernel. */
  get load(): number {
    if (this.#closed) return 0;
    return this.#closing ? 1 : this.#pending;
  }

  /** Datagrams are taken from now on. */
  serve(): void {
    if (this.#closing) return;
    this.#serving = true;
    this.socket.reload({ socket: this.#handlers(true) });
  }

  /** Takes no further datagrams, and closes when the last answer is given. */
  refuse(): void {
    if (this.#serving && !this.#closing) this.socket.reload({ socket: this.#handlers(false) });
    this.#serving = false;
    if (this.#pending === 0) this.close();
  }

  /** Hands what waits to the kernel and closes the socket, whatever handlers still wait for. */
  close(): void {
    this.#closing = true;
    this.socket.close();
  }

  #handlers(reads: boolean): UdpHandlers {
    const application = this.#application;
    const handlers: UdpHandlers = {};
    if (reads) {
      handlers.data = (socket, datagram, sender) =>
        this.#follow(application.datagram!(socket, datagram, sender));
    }
    if (application.datagramDrain !== undefined) {
      handlers.drain = (socket) => application.datagramDrain!(socket);
    }
    if (application.datagramError !== undefined) {
      handlers.error = (socket, error) => application.datagramError!(socket, error);
    }
    return handlers;
  }

  /** A synchronous handler pays one comparison. */
  #follow(result: void | Promise<void>): void | Promise<void> {
    if (result === undefined) return;
    this.#pending += 1;
    const settled = () => this.#settled();
    Promise.resolve(result).then(settled, settled);
    return result;
  }

  #settled(): void {
    this.#pending -= 1;
    if (this.#pending === 0 && !this.#serving) this.close();
  }
}
