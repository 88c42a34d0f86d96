/**
 * Connections as an application sees them: their interface, the handler table, options, results.
 *
 * @module
 */
import type { SendableFile, SendFileOptions } from "./sendable_file.ts";
import type { SocketAddress } from "../base/address.ts";
import type { Window } from "../memory/window.ts";
import type { Loop } from "../loop/types.ts";
import type { ProxyHeader } from "./proxy_header.ts";
import type { Role } from "../base/role.ts";
import type { ConnectionTimeoutOptions, RateOptions, TimeoutKind } from "./time_limits/types.ts";

/**
 * The state of a connection. `"connecting"`: not established yet. `"open"`: both ways. `"write-ended"`: this
 * side has ended writing, reading continues. `"read-ended"`: the peer has ended writing, this side may still
 * write. `"closing"`: the last bytes go out, nothing is taken in. `"aborting"`: cut, waiting for the kernel.
 * `"closed"`: gone.
 */
export type ConnectionState =
  | "connecting"
  | "open"
  | "write-ended"
  | "read-ended"
  | "closing"
  | "aborting"
  | "closed";

/**
 * What `write` did, always with all of the bytes or with none. `"sent"`: accepted, continue. `"queued"`:
 * accepted, but the buffer is above its high mark: wait for `drain`. `"refused"`: nothing was taken, because
 * the buffer would exceed `bufferLimit` or because the connection no longer writes; where it still writes,
 * `drain` will follow, and its handler is expected to write the bytes again. Refused writes are counted
 * (`loop.stats().writesRefused`); without a `drain` handler the first one is also logged, and in development
 * mode (`createLoop({ development: true })`) each one throws a {@linkcode LimitError} with the code
 * `ERR_WRITE_REFUSED`.
 */
export type WriteResult = "sent" | "queued" | "refused";

/**
 * What can be written. Bytes are copied before `write` returns, except those of a window, which are sent as
 * they are.
 */
export type Writable = Window | Uint8Array | ArrayBuffer | string;

/** A file on its way to the peer. */
export interface FileSend {
  /**
   * As `write` returns it, at once. A file takes no memory here, so it counts in `bufferedBytes` with its
   * bytes but at most with one more than `highWaterMark`, until its last byte is with the kernel. A long
   * file therefore answers `"queued"`, and `drain` follows when it has gone.
   */
  readonly result: WriteResult;
  /** Bytes of it that the kernel has taken so far. */
  readonly bytesSent: number;
  /**
   * Resolves with the number of bytes when the kernel has taken all of them. Rejects with the reason where
   * the connection ends before: its error, or a {@linkcode StateError}; for a refused one with a {@linkcode
   * LimitError} of the code `ERR_WRITE_REFUSED`. Made when it is first asked for, so that nobody need wait
   * for it.
   */
  readonly done: Promise<number>;
}

/** How a connection came to its end. */
export interface CloseReason {
  /**
   * The cause of the end: this side, the peer by its FIN, an error (`error` says which: a reset, an exception
   * of a handler), or a time that ran out.
   */
  by: "local" | "peer" | "error" | "timeout";
  /** The error, where one was the cause. */
  error?: Error;
  /**
   * Bytes given to `write` that were never handed to the kernel: those it accepted, and those it refused for
   * lack of room since the last `drain` that was called.
   */
  bytesLost: number;
  /**
   * True when `bytesLost` is 0 and the connection did not break after this side had ended: a reset then may
   * destroy bytes that the kernel had not delivered or the peer had not read.
   */
  flushed: boolean;
}

/**
 * The callbacks of connections: one table for all of them, with the names and meanings Bun gives them. Each
 * may be async. When one throws or rejects, `error` is called and that connection alone is aborted.
 */
export interface SocketHandlers<D = undefined> {
  /** The connection is established: accepted, or connected. */
  open?(connection: Connection<D>): void | Promise<void>;
  /**
   * Bytes have come. The window is borrowed until the callback returns or, in an async one, reaches its first
   * `await`. While the promise of an async one has not settled, further bytes wait, and so does the peer's
   * end (see `concurrent`). Without this handler received bytes are discarded, unless `connection.readable`
   * is read.
   */
  data?(connection: Connection<D>, data: Window): void | Promise<void>;
  /** After "queued" or "refused": the buffer has fallen to its low mark. */
  drain?(connection: Connection<D>): void | Promise<void>;
  /**
   * The peer has ended its writing side. Without this handler, and without `allowHalfOpen`, the connection
   * ends its own side too once its bytes are out; with it the application decides.
   */
  end?(connection: Connection<D>): void | Promise<void>;
  /** The connection is gone: always called, once, last. */
  close?(connection: Connection<D>, reason: CloseReason): void | Promise<void>;
  /**
   * A limit of `timeouts` or of the rates is reached. `"keep"`: it starts again from now. Otherwise the
   * connection is ended: gently for `"firstByte"`, `"idle"` and `"lifetime"`, by abort for the others, unless
   * the handler has ended it in its own way (`end` with a last answer). An async handler cannot keep it.
   */
  timeout?(connection: Connection<D>, kind: TimeoutKind): "keep" | void | Promise<void>;
  /**
   * The connection failed or a handler threw. Nothing but `close` is called for the connection after it, and
   * it is aborted unless this handler ends it in its own way. Without this handler the exception of a handler
   * is counted and goes to the server's log (`application.error`), or without a server to `console.error`
   * (the first of a listener); a failure of the connection shows in the close reason only.
   */
  error?(connection: Connection<D>, error: Error): void | Promise<void>;
}

/** TCP keep-alive; what is left out is the system's own. */
export interface KeepAliveOptions {
  /** Milliseconds without traffic before the first probe, rounded up to seconds. */
  idle?: number;
  /** Milliseconds between probes, rounded up to seconds. */
  interval?: number;
  /** Probes without answer before the connection is given up. */
  count?: number;
}

/** Options of each connection, whether accepted or made. */
export interface ConnectionOptions<D = undefined> {
  /** The callbacks. */
  socket?: SocketHandlers<D>;
  /**
   * First value of `connection.data`. A function is called for each connection before `open`, so that each
   * has a value of its own: `data: () => ({ messages: 0 })`. Any other value is given to all connections as
   * it is: an object is then shared by them, and what one changes all others see.
   */
  data?: D | (() => D);
  /** The loop to run on. Left out: the thread's own, made when needed and ended when nothing uses it. */
  loop?: Loop;
  /** True: the peer ending its side never ends this side. False by default. */
  allowHalfOpen?: boolean;
  /** Small writes go out at once instead of waiting for more (TCP_NODELAY). True by default. */
  noDelay?: boolean;
  /** Probes on a silent connection. Off by default. */
  keepAlive?: boolean | KeepAliveOptions;
  /** Bytes of the kernel's receive buffer; the system's own by default. */
  receiveBuffer?: number;
  /** Bytes of the kernel's send buffer; the system's own by default. */
  sendBuffer?: number;
  /** Type of service, 0 to 255, where the system has it. */
  typeOfService?: number;
  /** Bytes buffered above which `write` answers "queued". 131,072 by default. */
  highWaterMark?: number;
  /** Bytes buffered at which `drain` is called. 16,384 by default. */
  lowWaterMark?: number;
  /** Bytes buffered above which `write` refuses. 16,777,216 by default. */
  bufferLimit?: number;
  /**
   * Once `write` has not answered "sent", nothing more is read until `drain`: a peer that does not read what
   * it is sent cannot make this side buffer without end, even where the application ignores what `write`
   * answers. It is independent of `pause` and `resume`. True by default for accepted connections, false for
   * those of `connect`: two ends that both stop reading would wait for each other.
   */
  autoPause?: boolean;
  /**
   * True: an async `data` handler is called again although the promise of the last call has not settled. By
   * default the calls of one connection follow each other: further bytes, and the peer's end behind them,
   * wait until it has. `drain` and `close` never wait. A handler that asks for `connection.closed` before its
   * first `await` is not waited for, since that would never come.
   */
  concurrent?: boolean;
  /**
   * Milliseconds a connection that was ended or closed waits for the peer to take bytes or to end its side,
   * counted from the last sign of life, before it is given up: what is still buffered here is lost, what the
   * kernel continues to deliver the bytes it has accepted. 5,000 by default; 0 does not wait for the peer's
   * end at all.
   */
  lingerTimeout?: number;
  /** Time limits. None by default. */
  timeouts?: ConnectionTimeoutOptions;
  /** Rates below which a transfer is given up. None by default. */
  limits?: RateOptions;
}

/**
 * One TCP connection.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { data: (connection, window) => void connection.write(window) },
 * });
 * await using connection = await connect({ hostname: "127.0.0.1", port: listener.port });
 * connection.write("hello");
 * for await (const bytes of connection.readable) {
 *   console.log(new TextDecoder().decode(bytes));
 *   break;
 * }
 * ```
 */
export interface Connection<D = undefined> extends AsyncDisposable {
  /** A number of its own among the connections of its loop; used again only long after. */
  readonly id: number;
  /** Its state. */
  readonly state: ConnectionState;
  /** `"server"` for an accepted connection, `"client"` for one made by `connect`. */
  readonly role: Role;
  /** The application's own. */
  data: D;
  /** Bytes accepted by `write` and not yet taken by the kernel. */
  readonly bufferedBytes: number;
  /** Bytes buffered above which `write` answers "queued". */
  readonly highWaterMark: number;
  /** Bytes buffered at which `drain` is called. */
  readonly lowWaterMark: number;
  /**
   * This end. Accepted by a listener that is bound to one address, it stays readable when the connection is
   * gone; any other throws a StateError then.
   */
  readonly localAddress: SocketAddress;
  /**
   * The client: the peer's end, or what a trusted proxy has named. It is kept: `open` and `close` can read it
   * when the peer has gone already, and so can anybody later. IPv4 clients of an IPv6 listener are reported
   * as IPv4.
   */
  readonly remoteAddress: SocketAddress;
  /** The peer's end of the socket, a proxy where there is one. Kept like `remoteAddress`. */
  readonly peerAddress: SocketAddress;
  /** What a trusted proxy has said of the connection; undefined without one. */
  readonly proxyHeader: ProxyHeader | undefined;
  /**
   * Writes all of the bytes or none. What is written in one turn goes out in one system call at its end.
   * Throws an OptionError for a value that is not bytes, a WindowError for a window whose time is over.
   */
  write(bytes: Writable): WriteResult;
  /**
   * Sends a file, or a part of it, behind everything written before and before everything written later.
   * Its bytes go from the system's cache to the peer without passing through this process (`sendfile` on
   * Linux, `TransmitFile` on Windows), at most 128 KiB in one turn of the loop, so that no connection waits
   * for another. The file may be closed at once; it stays open until the send has ended.
   *
   * Time limits, rates, statistics and shutdown count its bytes like written ones. A file that ends before
   * the bytes that were promised, since somebody cut it off meanwhile, fails the connection with the code
   * `ERR_FILE_TOO_SHORT`: the peer would wait for the rest. Bytes added behind them are not sent.
   *
   * A file that is not in the system's cache is read from the disk within the call, which holds up the
   * loop. Windows editions for clients send two files at a time in the whole system; others wait for them.
   *
   * @throws {OptionError} for a value that is not a SendableFile, an unknown key, or a range that is not in
   * the file.
   * @throws {StateError} for a closed file.
   *
   * @example
   * ```ts
   * import { type Connection, SendableFile } from "@ringport/ringport";
   *
   * async function download(connection: Connection, path: string): Promise<number> {
   *   await using file = SendableFile.open(path);
   *   connection.write(`length: ${file.size}\r\n\r\n`);
   *   return await connection.sendFile(file).done;
   * }
   * console.log(typeof download); // function
   * ```
   */
  sendFile(file: SendableFile, options?: SendFileOptions): FileSend;
  /**
   * Flushes, sends FIN and waits for the peer's FIN, while `data` continues. A peer that shows no sign of
   * life for `lingerTimeout` is cut, but not while reading is paused. `bytes` are written before.
   *
   * @returns what `write` did with `bytes`, "sent" without any.
   */
  end(bytes?: Writable): WriteResult;
  /** Flushes and sends FIN. Reading continues until the peer ends. */
  shutdownWrite(): void;
  /**
   * Flushes, sends FIN, throws away what still comes, and is gone when the peer ends or `lingerTimeout` is
   * over.
   *
   * @returns the promise `closed`.
   */
  close(): Promise<CloseReason>;
  /**
   * Cuts the connection at once by RST; what is buffered is lost. No handler but `close` is called any more.
   */
  abort(): void;
  /**
   * Reads exactly `length` bytes, as a copy. Bytes behind them wait for the next read, `readable`,
   * `reload` or `pump`. One read may wait at a time.
   *
   * @throws {OptionError} for a length that is not a whole number of bytes.
   * @throws {StateError} if a `data` handler or `readable` takes the received bytes.
   * @returns a promise that rejects with the code `ERR_UNEXPECTED_END` when the peer ends before, and with
   * the connection's error when it fails.
   */
  readExactly(length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Within the `data` callback: gives the bytes of the window from `start` on back. They come again in one
   * window with the next ones, in front of them, or with `resume()` after a `pause()`. They are copied, so
   * that waiting for the rest of a message holds no memory of the ring.
   *
   * @throws {OptionError} outside the callback, or for a position outside the window.
   * @throws {LimitError} with the code `ERR_UNREAD_LIMIT` for more than `bufferLimit` bytes.
   */
  unread(window: Window, start: number): void;
  /**
   * Takes other handlers, for this connection alone: raw ones after framed ones, another framing, or those of
   * a protocol agreed upon. Bytes that came and were not handled yet go to the new `data` handler, or without
   * one wait to be read. `error` and `timeout` of the earlier handlers stand in where the new ones have none;
   * the
   * `close` of the handlers the connection was opened with is called after the new one's. Replies of a
   * framing that are still owed are lost.
   *
   * @throws {OptionError} for anything but a table of handlers.
   * @throws {StateError} when the connection is closing or closed, or its `readable` is read.
   */
  reload(options: { socket: SocketHandlers<D> }): void;
  /** Takes in no more bytes; the kernel's buffers fill and the peer waits. Its FIN is not seen meanwhile. */
  pause(): void;
  /** Takes in bytes again. */
  resume(): void;
  /** Turns TCP_NODELAY on or off. Throws a StateError once the connection is gone. */
  setNoDelay(on?: boolean): void;
  /** Turns keep-alive on or off. Throws a StateError once the connection is gone. */
  setKeepAlive(on: boolean, options?: KeepAliveOptions): void;
  /** Sets the type of service, 0 to 255. Throws where the system has none. */
  setTypeOfService(value: number): void;
  /**
   * Sets other time limits and rates for this connection: those of the options `timeouts` and `limits`. What
   * is left out stays; what is given counts from this call, `firstByte` to the next byte that comes. Throws
   * an OptionError for an unknown key or a wrong value, a StateError once the connection is gone.
   *
   * @example
   * ```ts
   * import { listen } from "@ringport/ringport";
   *
   * await using listener = listen({
   *   hostname: "127.0.0.1",
   *   timeouts: { idle: 75_000, lifetime: 600_000 },
   *   socket: {
   *     data(connection, window) {
   *       // A subscription may last, as long as something moves now and then.
   *       if (window.text() === "subscribe") connection.setTimeouts({ lifetime: 0, idle: 300_000 });
   *     },
   *   },
   * });
   * ```
   */
  setTimeouts(timeouts: ConnectionTimeoutOptions, limits?: RateOptions): void;
  /**
   * A message begins to come in: `timeouts.message` and `receiveRate` count until `messageEnded`. Called by
   * the code that parses the bytes, at the first byte of an incomplete message. Does nothing
   * while a message is in progress.
   */
  messageBegan(): void;
  /** The message in progress is complete. Does nothing where there is none. */
  messageEnded(): void;
  /**
   * The received bytes, as a stream with backpressure. Reading it takes the place of a `data` handler: with
   * one, it throws a StateError. It ends with the peer's FIN and fails with the connection.
   *
   * When it was read to its end, or canceled, and the peer has ended, this side ends too, as it does with
   * callbacks: unless `allowHalfOpen` or an `end` handler say otherwise, or `writable` was taken, whose
   * closing ends this side. It waits for async handlers that are running, or, without one, for the next turn
   * of the runtime's event loop: what is written until then still goes out.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * What goes out, as a stream with backpressure. Closing it is `shutdownWrite`, or `end` where nobody reads
   * `readable`; aborting it is `abort`.
   */
  readonly writable: WritableStream<Uint8Array | string>;
  /** Resolves when the connection is gone; never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Keeps the process alive while open: the default. */
  ref(): void;
  /** Does not keep the process alive. */
  unref(): void;
  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
