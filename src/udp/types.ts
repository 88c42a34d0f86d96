/**
 * UDP sockets as an application sees them: handlers, options, results.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { Loop } from "../loop/types.ts";
import type { Datagram, DatagramSender } from "./datagram.ts";
import type { UdpSocket } from "./socket.ts";

/**
 * The callbacks of a datagram socket, with the names Bun gives them. Each may be async. When one throws or
 * rejects, `error` is called; the socket stays open.
 */
export interface UdpHandlers<D = undefined> {
  /**
   * A datagram has come. It is borrowed until the callback returns or, in an async one, reaches its first
   * `await`: copy what is needed longer with `slice`, or hold it with `keep`. `sender` is the same as
   * `datagram.sender`: one object used again for each datagram, whose text is made only when it is read.
   */
  data?(socket: UdpSocket<D>, datagram: Datagram, sender: DatagramSender): void | Promise<void>;
  /** After "queued" or "refused": what waits has fallen to the low mark. */
  drain?(socket: UdpSocket<D>): void | Promise<void>;
  /**
   * The network returned an error for a datagram sent earlier, the system refused one, or a handler threw.
   * The socket stays open. Without this handler such errors are counted, and the first exception of a handler
   * is printed.
   */
  error?(socket: UdpSocket<D>, error: Error): void | Promise<void>;
}

/** Options of {@linkcode udpSocket}. */
export interface UdpSocketOptions<D = undefined> {
  /**
   * An IP address of this machine, or `"localhost"`. By default every address of IPv4, of IPv6 where
   * `connect` goes to such an address; `"::"` serves IPv4 as well.
   */
  hostname?: string;
  /** 0, the default, takes any free port: see `socket.port`. */
  port?: number;
  /**
   * A socket this process was started with, by its name (`LISTEN_FDNAMES`) or its position from 0, in place
   * of an address. A copy is taken. Linux only.
   */
  inherited?: string | number;
  /** The descriptor of a bound socket of this process, of which a copy is taken. Linux only. */
  fd?: number;
  /** The one peer to send to and receive from: an IP address, or a name, which is resolved once. */
  connect?: { hostname: string; port: number };
  /** The callbacks. */
  socket?: UdpHandlers<D>;
  /** First value of `socket.data`. */
  data?: D;
  /** The loop to run on. Left out: the thread's own, made when needed and ended when nothing uses it. */
  loop?: Loop;
  /**
   * Bytes of a received datagram at most; the end of a longer one is lost. 2,048 by default, 65,507 at most.
   */
  datagramSize?: number;
  /** Bytes of the kernel's receive buffer; the system's own by default. What finds no room there is lost. */
  receiveBuffer?: number;
  /** Bytes of the kernel's send buffer; the system's own by default. */
  sendBuffer?: number;
  /** Bytes waiting above which `send` answers "queued". 65,536 by default. */
  highWaterMark?: number;
  /** Bytes waiting at which `drain` is called. 16,384 by default. */
  lowWaterMark?: number;
  /** Bytes waiting above which `send` refuses. 16,777,216 by default. */
  bufferLimit?: number;
  /** With an IPv6 address: no IPv4. False by default. */
  ipv6Only?: boolean;
  /**
   * Let others bind the port too, as the receivers of one multicast group do (SO_REUSEADDR). False by
   * default.
   */
  reuseAddress?: boolean;
  /**
   * Share the port with sockets that do the same, datagrams being spread; not on Windows. False by default.
   */
  reusePort?: boolean;
  /** Allow sending to broadcast addresses. False by default. */
  broadcast?: boolean;
  /** Routers a datagram may pass, 1 to 255; the system's own by default. */
  ttl?: number;
  /** Routers a multicast datagram may pass, 0 to 255. The system's default is 1. */
  multicastTTL?: number;
  /** Own multicast datagrams come back to this machine. The system's default is true. */
  multicastLoopback?: boolean;
  /**
   * Where multicast datagrams go out: an IPv4 address of the interface, or for IPv6 its number as `"::%2"`.
   */
  multicastInterface?: string;
  /** Type of service, 0 to 255, where the system has it. */
  typeOfService?: number;
  /** Abort closes the socket. */
  signal?: AbortSignal;
}

/** One datagram as `for await` yields it: the bytes are a copy. */
export interface ReceivedDatagram {
  /** The bytes. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The address of the sender. */
  sender: SocketAddress;
  /** True where its end was cut off, being longer than `datagramSize`. */
  truncated: boolean;
}

/** Where a datagram socket stands. `"closing"`: what waits goes out, nothing is received. */
export type UdpSocketState = "open" | "closing" | "closed";
