/**
 * One datagram socket.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { AsyncQueue } from "../base/async_queue.ts";
import { OptionError, RingportError, StateError } from "../base/errors.ts";
import { Operation } from "../base/layout.ts";
import { datagramQueueMax } from "../base/limits.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import type { Loop } from "../loop/types.ts";
import { socketAddress } from "../stream/socket_address.ts";
import { type DatagramPort, socketsOf } from "../stream/table.ts";
import type { Writable, WriteResult } from "../stream/types.ts";
import { type Datagram, type DatagramSender, RingDatagram, RingSender } from "./datagram.ts";
import { checkUdpHandlers, HandlerTable } from "./handlers.ts";
import { type Marks, Outgoing, plainBytes } from "./outgoing.ts";
import { Receivers } from "./receivers.ts";
import * as settings from "./settings.ts";

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
  /** Bytes waiting above which `send` answers "queued". 131,072 by default. */
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

/** What `udpSocket` hands over. */
interface OpenedDatagramSocket {
  loop: EventLoop;
  id: number;
  family: 4 | 6;
  connected: boolean;
  marks: Marks;
}

/** The kernel's count of drops comes in 31 bits, and may go round. */
const dropsMask = 0x7fff_ffff;

/** The constructor, for `udpSocket` alone. */
export let makeUdpSocket: <D>(opened: OpenedDatagramSocket, options: UdpSocketOptions<D>) => UdpSocket<D>;

/**
 * A datagram socket. Made by `udpSocket`.
 *
 * `for await (const { bytes, sender } of socket)` yields the datagrams if there is no `data` handler; leaving
 * the loop ends the iteration, not the socket.
 */
export class UdpSocket<D = undefined> implements AsyncDisposable, AsyncIterable<ReceivedDatagram> {
  /** The application's own. */
  data: D;
  /** The address bound. */
  readonly address: SocketAddress;
  /** The connected peer; undefined where the socket sends to anybody. */
  readonly remoteAddress: SocketAddress | undefined;
  readonly #loop: EventLoop;
  readonly #engine: Engine;
  readonly #id: number;
  readonly #family: 4 | 6;
  readonly #connected: boolean;
  readonly #table: HandlerTable<UdpSocket<D>, UdpHandlers<D>>;
  readonly #outgoing: Outgoing;
  readonly #receivers: Receivers;
  /** Received datagrams on their way to `for await`. */
  readonly #queue: AsyncQueue<ReceivedDatagram>;
  readonly #gone = Promise.withResolvers<void>();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.close();
  /** Used again for each datagram that was not kept; in development each one is new. */
  #datagram: RingDatagram | undefined = undefined;
  #state: UdpSocketState = "open";
  #reading = false;
  #referenced = true;
  /** As it was when the kernel was asked last. */
  #kernelDrops = 0;

  static {
    makeUdpSocket = (opened, options) => new UdpSocket(opened, options);
  }

  private constructor(opened: OpenedDatagramSocket, options: UdpSocketOptions<D>) {
    const { loop, id, family, connected } = opened;
    this.data = options.data as D;
    this.#loop = loop;
    this.#engine = loop.engine;
    this.#id = id;
    this.#family = family;
    this.#connected = connected;
    settings.applyUdpOptions(this.#place("udpSocket"), options);
    this.address = socketAddress(this.#engine, id, "local");
    this.remoteAddress = connected ? socketAddress(this.#engine, id, "remote") : undefined;
    this.#table = new HandlerTable<UdpSocket<D>, UdpHandlers<D>>(this, this.#engine, options.socket ?? {});
    this.#receivers = new Receivers(family);
    const drained = () => this.#table.drain();
    this.#outgoing = new Outgoing(this.#engine, id, opened.marks, drained, () => this.#closeWhenEmpty());
    this.#queue = new AsyncQueue(datagramQueueMax, () => this.#readIfWanted());
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
    socketsOf(loop).addDatagramPort(id, this.#port());
    this.#engine.ref();
    if (options.socket?.data !== undefined) this.#read(true);
  }

  /** The address bound, as text. */
  get hostname(): string {
    return this.address.hostname;
  }

  /** The port bound. */
  get port(): number {
    return this.address.port;
  }

  /** The same as `address`. */
  get localAddress(): SocketAddress {
    return this.address;
  }

  /** Its state. */
  get state(): UdpSocketState {
    return this.#state;
  }

  /**
   * Datagrams that the kernel dropped because the socket's receive buffer was full; see `receiveBuffer`. 0
   * where the system does not report it, as on Windows. `loop.stats().datagramsDropped` is the sum of all
   * sockets.
   */
  get kernelDrops(): number {
    this.#countDrops();
    return this.#kernelDrops;
  }

  /** Bytes taken by `send` and not yet by the kernel. */
  get bufferedBytes(): number {
    return this.#outgoing.buffered;
  }

  /**
   * Sends one datagram: all of it or none. On a connected socket to its peer, otherwise to an address, which
   * is an IP address with its port or the `sender` of a datagram. What is sent in one turn goes out together.
   *
   * That it is sent does not mean that it arrives: UDP promises nothing (RFC 768).
   *
   * @throws {OptionError} for a value that is not bytes, or an invalid address.
   * @throws {RingportError} with code `EMSGSIZE` for more than 65,507 bytes.
   */
  send(bytes: Writable, port?: number | SocketAddress, hostname?: string): WriteResult {
    if (bytes instanceof RingDatagram && (this.#connected || bytes.sender === port)) {
      return this.reply(bytes);
    }
    const plain = plainBytes(bytes);
    const record = this.#receiver("send", port, hostname);
    return this.#state === "open" ? this.#outgoing.send(record, plain) : "refused";
  }

  /**
   * Sends several datagrams: of a connected socket `[bytes, bytes, ...]`, otherwise
   * `[bytes, port, hostname, bytes, port, hostname, ...]`, as Bun does.
   *
   * @returns how many were taken. Fewer than all: the rest was refused, and `drain` follows.
   * @throws what `send` throws, for the first datagram that cannot be sent. The property `sent` of the error
   *   is how many were taken before it; the ones after it were not.
   */
  sendMany(all: readonly (Writable | number | string)[]): number {
    const step = this.#connected ? 1 : 3;
    if (!Array.isArray(all) || all.length % step !== 0) {
      const wants = this.#connected ? "bytes" : "bytes, port and hostname of each datagram in a row";
      throw new OptionError("sendMany", "all", `sendMany takes an array of ${wants}`);
    }
    let count = 0;
    for (let index = 0; index < all.length; index += step, count++) {
      const bytes = all[index] as Writable;
      try {
        const result = this.#connected
          ? this.send(bytes)
          : this.send(bytes, all[index + 1] as number, all[index + 2] as string);
        if (result === "refused") break;
      } catch (error) {
        if (error instanceof RingportError) error.sent = count;
        throw error;
      }
    }
    return count;
  }

  /**
   * Answers a datagram: sends `bytes` to its sender, or without them the datagram itself as it lies, which
   * copies nothing.
   */
  reply(datagram: Datagram, bytes?: Writable): WriteResult {
    if (!(datagram instanceof RingDatagram)) {
      throw new OptionError("reply", "datagram", "the datagram must be a received one");
    }
    if (bytes !== undefined) return this.send(bytes, this.#connected ? undefined : datagram.sender);
    datagram.checkLive();
    if (this.#state !== "open") return "refused";
    // One of another loop lies in another ring.
    if (datagram.segments !== this.#engine.segments) {
      const record = this.#connected ? undefined : datagram.addressRecord;
      return this.#outgoing.send(record, datagram.bytes);
    }
    return this.#outgoing.sendInPlace(datagram);
  }

  /** Takes other handlers. */
  reload(options: { socket: UdpHandlers<D> }): void {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("reload", "options", "options must be an object with socket");
    }
    checkUdpHandlers("reload", options.socket);
    this.#table.handlers = options.socket;
    // Without the handler the kernel keeps datagrams until somebody iterates.
    this.#readIfWanted();
  }

  /** Allows sending to broadcast addresses, or not. Throws a StateError once the socket is closed. */
  setBroadcast(on: boolean): void {
    settings.setBroadcast(this.#place("setBroadcast"), on);
  }

  /** Sets how many routers a datagram may pass, 1 to 255. */
  setTTL(value: number): void {
    settings.setTTL(this.#place("setTTL"), value);
  }

  /** Sets how many routers a multicast datagram may pass, 0 to 255. */
  setMulticastTTL(value: number): void {
    settings.setMulticastTTL(this.#place("setMulticastTTL"), value);
  }

  /** Own multicast datagrams come back to this machine, or not. */
  setMulticastLoopback(on: boolean): void {
    settings.setMulticastLoopback(this.#place("setMulticastLoopback"), on);
  }

  /**
   * Where multicast datagrams go out: an IPv4 address of the interface, or for IPv6 its number as `"::%2"`.
   */
  setMulticastInterface(address: string): void {
    settings.setMulticastInterface(this.#place("setMulticastInterface"), address);
  }

  /** Joins a multicast group, at the interface of an address, or where the system chooses. */
  addMembership(group: string, multicastInterface?: string): void {
    this.#change("addMembership", { leave: false, group, interface: multicastInterface });
  }

  /** Leaves a multicast group. */
  dropMembership(group: string, multicastInterface?: string): void {
    this.#change("dropMembership", { leave: true, group, interface: multicastInterface });
  }

  /** Joins a multicast group for the datagrams of one sender. */
  addSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#change("addSourceSpecificMembership", {
      leave: false,
      group,
      source,
      interface: multicastInterface,
    });
  }

  /** Leaves a multicast group for the datagrams of one sender. */
  dropSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#change("dropSourceSpecificMembership", {
      leave: true,
      group,
      source,
      interface: multicastInterface,
    });
  }

  /** Hands what waits to the kernel and receives no more. Resolves when the socket is gone. */
  close(): Promise<void> {
    if (this.#state !== "open") return this.closed;
    this.#state = "closing";
    this.#table.muted = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#queue.end();
    this.#read(false);
    this.#closeWhenEmpty();
    return this.closed;
  }

  /** Resolves when the socket is gone; never rejects. */
  get closed(): Promise<void> {
    return this.#gone.promise;
  }

  /** Keeps the process alive while open: the default. */
  ref(): void {
    if (this.#referenced || this.#state === "closed") return;
    this.#referenced = true;
    this.#engine.ref();
  }

  /** Does not keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#engine.unref();
  }

  /** The datagrams, each one copied. With a `data` handler it throws a StateError. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ReceivedDatagram> {
    if (this.#table.handlers.data !== undefined) {
      throw new StateError("for await: the socket has a data handler, which receives the data", {
        code: "ERR_STATE",
        operation: "for await",
        origin: "application",
      });
    }
    return this.#queue.iterate();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #port(): DatagramPort {
    const engine = this.#engine;
    return {
      received: (segment, offset, length, originalLength) =>
        this.#received(segment, offset, length, originalLength),
      countDrops: () => this.#countDrops(),
      failed: (status, systemError) => this.#table.error(engine.errorOf(status, systemError, "receive")),
      sent: (status, systemError) => {
        if (status !== 0) this.#table.error(engine.errorOf(status, systemError, "send"));
        else this.#outgoing.goOn();
      },
      abort: () => this.#abort(),
      lost: (error) => {
        this.#table.error(error);
        this.#queue.end();
        this.#left();
      },
      left: () => this.#left(),
    };
  }

  #received(segment: number, offset: number, length: number, originalLength: number): void {
    const engine = this.#engine;
    const { segments } = engine;
    // What was on its way when the socket was closed.
    if (this.#state !== "open") return segments.release(segment, offset, length);
    let datagram = this.#datagram;
    if (datagram === undefined || datagram.live) {
      datagram = new RingDatagram(segments, segment, offset, length, originalLength);
      this.#datagram = segments.development ? undefined : datagram;
    } else {
      datagram.receive(segment, offset, length, originalLength);
    }
    const { handlers } = this.#table;
    engine.window = datagram;
    try {
      let result: unknown = undefined;
      if (handlers.data === undefined) this.#queue.push(copyOf(datagram));
      else result = handlers.data(this, datagram, datagram.sender);
      datagram.endBorrow();
      if (result !== undefined) this.#table.settle(result);
    } catch (error) {
      datagram.endBorrow();
      this.#table.failed(error);
    }
    engine.window = undefined;
  }

  #receiver(operation: string, port: unknown, hostname: unknown): Uint8Array | undefined {
    if (this.#connected) {
      if (port === undefined) return undefined;
      throw new OptionError(
        operation,
        "port",
        "a connected socket sends to its peer only: leave out the address",
      );
    }
    if (port instanceof RingSender && hostname === undefined) return port.datagram.addressRecord;
    if (typeof port === "object" && port !== null) {
      const address = port as SocketAddress;
      return this.#receivers.record(operation, address.hostname, address.port);
    }
    return this.#receivers.record(operation, hostname, port);
  }

  #place(operation: string): settings.SettingPlace {
    if (this.#state !== "open") {
      throw new StateError(`${operation}: the socket is ${this.#state}`, {
        code: "ERR_STATE",
        operation,
        origin: "application",
      });
    }
    return { engine: this.#engine, id: this.#id, family: this.#family, operation };
  }

  #change(operation: string, membership: settings.Membership): void {
    settings.changeMembership(this.#place(operation), socketsOf(this.#loop).nextTag(), membership);
  }

  /** What nobody wants waits in the kernel's buffer. */
  #readIfWanted(): void {
    const { isActive, isFull } = this.#queue;
    this.#read(this.#table.handlers.data !== undefined || (isActive && !isFull));
  }

  #read(on: boolean): void {
    if (this.#reading === on) return;
    this.#reading = on;
    this.#engine.submit(on ? Operation.resumeReading : Operation.pause, this.#id);
  }

  #closeWhenEmpty(): void {
    if (this.#state !== "closing" || this.#outgoing.busy) return;
    this.#countDrops();
    this.#outgoing.end();
    this.#engine.submit(Operation.close, this.#id);
  }

  #countDrops(): void {
    if (this.#state === "closed") return;
    const drops = this.#engine.native.receiveDrops(this.#id);
    if (drops === undefined) return;
    this.#engine.datagramsDropped += (drops - this.#kernelDrops) & dropsMask;
    this.#kernelDrops = drops;
  }

  #abort(): void {
    if (this.#state === "open") this.#queue.end();
    this.#countDrops();
    this.#state = "closing";
    this.#table.muted = true;
    this.#outgoing.end();
    this.#engine.submit(Operation.abort, this.#id);
  }

  #left(): void {
    this.#outgoing.end();
    this.#state = "closed";
    this.unref();
    this.#gone.resolve();
    this.#loop.release();
  }
}

function copyOf(datagram: Datagram): ReceivedDatagram {
  const { sender, truncated } = datagram;
  return { bytes: datagram.slice(), sender: sender.toJSON(), truncated };
}
