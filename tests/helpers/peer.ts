/**
 * The other end of a connection, made from the runtime's own sockets: what it sees and sends does not depend
 * on the library under test. Reading is by pull, so a peer that does not read lets the kernel's buffers fill.
 *
 * @module
 */
import { bun, type BunListener, type BunSocket, system } from "./runtime.ts";
import { type Deferred, deferred, within } from "./wait.ts";

/** One raw connection. */
export interface Peer {
  /** The port of this end. */
  readonly localPort: number;
  /** Resolves when the kernel has taken all bytes. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** The next bytes, or null when the other end has ended its side. Rejects when the connection was reset. */
  read(): Promise<Uint8Array | null>;
  /** FIN: no more bytes from this end; reading goes on. */
  endWriting(): Promise<void>;
  /**
   * Closes both directions in order. Bytes that were not read may turn it into a reset, as with any socket.
   */
  close(): void;
}

/** Accepts raw connections. */
export interface PeerListener {
  readonly port: number;
  accept(): Promise<Peer>;
  close(): void;
}

/** Where to. */
export interface PeerAddress {
  hostname?: string;
  port: number;
  /** The path of a Unix socket, instead of the two. */
  unix?: string;
}

type To = { hostname: string; port: number; unix?: undefined } | { unix: string };

const LOOPBACK = "127.0.0.1";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Connects a raw socket. */
export function connectPeer(address: PeerAddress): Promise<Peer> {
  const { unix } = address;
  const to = unix === undefined ? { hostname: address.hostname ?? LOOPBACK, port: address.port } : { unix };
  return within(
    bun === undefined ? connectDeno(to) : BunPeer.connect(to),
    `a raw connection to ${unix ?? `port ${address.port}`}`,
  );
}

/** Connects a raw socket; undefined where the server cut it so early that connecting failed. */
export function tryPeer(port: number): Promise<Peer | undefined> {
  return connectPeer({ port }).catch(() => undefined);
}

/** Listens with a raw socket. */
export function listenPeer(
  address: { hostname?: string; port?: number; unix?: string } = {},
): PeerListener {
  const { unix } = address;
  if (unix !== undefined) {
    return bun === undefined ? new DenoPeerListener({ unix }) : new BunPeerListener({ unix });
  }
  const at = { hostname: address.hostname ?? LOOPBACK, port: address.port ?? 0 };
  return bun === undefined ? new DenoPeerListener(at) : new BunPeerListener(at);
}

/** Ports that no system gives to those who ask for any: Linux begins at 32,768, Windows at 49,152. */
const ASSIGNED_BY_NOBODY = { first: 20_000, count: 12_000 };

/**
 * A port of this machine that nobody listens on, nor will: any other could be given to another run's test.
 */
export async function closedPort(): Promise<number> {
  for (;;) {
    const port = ASSIGNED_BY_NOBODY.first + Math.floor(Math.random() * ASSIGNED_BY_NOBODY.count);
    // Under Wine Bun's own connect waits for ever where nobody listens. Here that is as good as certain.
    if (system === "windows") return port;
    const peer = await tryPeer(port);
    if (peer === undefined) return port;
    peer.close();
  }
}

/**
 * Reads exactly `length` bytes; fails when the stream ends before. What lies behind them is lost to the
 * caller.
 */
export async function readExactly(peer: Peer, length: number): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const bytes = await within(peer.read(), `${length - filled} more bytes`);
    if (bytes === null) throw new Error(`the stream ended after ${filled} of ${length} bytes`);
    if (filled + bytes.length > length) throw new Error(`more than the ${length} bytes expected`);
    all.set(bytes, filled);
    filled += bytes.length;
  }
  return all;
}

/** Reads text of as many bytes as `expected` has. */
export async function readText(peer: Peer, expected: string): Promise<string> {
  return decoder.decode(await readExactly(peer, encoder.encode(expected).length));
}

/** Reads to the end of the stream. */
export async function readAll(peer: Peer): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const bytes = await within(peer.read(), "the end of the stream");
    if (bytes === null) break;
    pieces.push(bytes);
    length += bytes.length;
  }
  const all = new Uint8Array(length);
  let filled = 0;
  for (const piece of pieces) {
    all.set(piece, filled);
    filled += piece.length;
  }
  return all;
}

/** Reads to the end of the stream as text. */
export async function readAllText(peer: Peer): Promise<string> {
  return decoder.decode(await readAll(peer));
}

function toBytes(bytes: Uint8Array | string): Uint8Array {
  return typeof bytes === "string" ? encoder.encode(bytes) : bytes;
}

// Deno: its sockets are read and written by promise already.

/** Bytes asked of the kernel by one read. */
const READ_BYTES = 64 * 1024;

class DenoPeer implements Peer {
  readonly #socket: Deno.TcpConn | Deno.UnixConn;
  readonly localPort: number;

  constructor(socket: Deno.TcpConn | Deno.UnixConn) {
    this.#socket = socket;
    this.localPort = "port" in socket.localAddr ? socket.localAddr.port : 0;
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    let rest = toBytes(bytes);
    while (rest.length > 0) rest = rest.subarray(await this.#socket.write(rest));
  }

  async read(): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(READ_BYTES);
    const length = await this.#socket.read(buffer);
    return length === null ? null : buffer.subarray(0, length);
  }

  endWriting(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    try {
      this.#socket.close();
    } catch (error) {
      // A second close of one resource is refused; a peer may be closed twice.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

async function connectDeno(to: To): Promise<Peer> {
  if (to.unix !== undefined) return new DenoPeer(await Deno.connect({ transport: "unix", path: to.unix }));
  const socket = await Deno.connect(to);
  socket.setNoDelay(true);
  return new DenoPeer(socket);
}

class DenoPeerListener implements PeerListener {
  readonly #listener: Deno.TcpListener | Deno.UnixListener;
  readonly port: number;

  constructor(at: To) {
    this.#listener = at.unix === undefined
      ? Deno.listen(at)
      : Deno.listen({ transport: "unix", path: at.unix });
    this.port = "port" in this.#listener.addr ? this.#listener.addr.port : 0;
  }

  async accept(): Promise<Peer> {
    const accepted: Promise<Deno.TcpConn | Deno.UnixConn> = this.#listener.accept();
    return new DenoPeer(await within(accepted, "a raw connection to be accepted"));
  }

  close(): void {
    this.#listener.close();
  }
}

// Bun: callbacks are turned into pulls. The socket is paused while nobody waits for bytes.

class BunPeer implements Peer {
  #socket!: BunSocket;
  #received: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #reader: Deferred<void> | undefined;
  #drained: Deferred<void> | undefined;
  #flowing = false;

  static handlers(attach: (socket: BunSocket) => BunPeer): Record<string, unknown> {
    return {
      open: (socket: BunSocket) => attach(socket),
      data: (socket: BunSocket, bytes: Uint8Array) => (socket.data as BunPeer).#take(bytes),
      drain: (socket: BunSocket) => (socket.data as BunPeer).#drained?.resolve(),
      end: (socket: BunSocket) => (socket.data as BunPeer).#end(undefined),
      close: (socket: BunSocket, error?: Error) => {
        if (socket.data instanceof BunPeer) socket.data.#end(error, true);
      },
      error: (socket: BunSocket, error: Error) => {
        if (socket.data instanceof BunPeer) socket.data.#end(error);
      },
    };
  }

  static async connect(to: To): Promise<Peer> {
    const peer = new BunPeer();
    await bun!.connect({
      ...to,
      allowHalfOpen: true,
      socket: BunPeer.handlers((socket) => peer.attach(socket)),
    });
    return peer;
  }

  attach(socket: BunSocket): this {
    this.#socket = socket;
    socket.data = this;
    socket.pause();
    return this;
  }

  get localPort(): number {
    return this.#socket.localPort;
  }

  #take(bytes: Uint8Array): void {
    this.#received.push(bytes.slice());
    if (this.#reader === undefined) this.#flow(false);
    this.#reader?.resolve();
  }

  #end(error: Error | undefined, closed = false): void {
    this.#ended = true;
    if (error !== undefined) this.#failure ??= error;
    this.#reader?.resolve();
    if (closed) this.#drained?.reject(error ?? new Error("the connection is closed"));
  }

  #flow(on: boolean): void {
    if (on === this.#flowing) return;
    this.#flowing = on;
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    let rest = toBytes(bytes);
    for (;;) {
      this.#drained = deferred();
      const taken = this.#socket.write(rest);
      if (taken < 0) throw this.#failure ?? new Error("the connection is closed");
      rest = rest.subarray(taken);
      if (rest.length === 0) return;
      await this.#drained.promise;
    }
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#received.length === 0 && !this.#ended) {
      this.#reader = deferred();
      this.#flow(true);
      await this.#reader.promise;
      this.#reader = undefined;
    }
    const bytes = this.#received.shift();
    if (bytes !== undefined) {
      if (this.#received.length > 0) this.#flow(false);
      return bytes;
    }
    if (this.#failure !== undefined) throw this.#failure;
    return null;
  }

  endWriting(): Promise<void> {
    this.#socket.shutdown();
    return Promise.resolve();
  }

  close(): void {
    this.#socket.end();
  }
}

class BunPeerListener implements PeerListener {
  readonly #listener: BunListener;
  readonly #arrived: BunPeer[] = [];
  #waiting: Deferred<BunPeer>[] = [];

  constructor(at: To) {
    const accept = (socket: BunSocket) => {
      const peer = new BunPeer().attach(socket);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(peer);
      else waiting.resolve(peer);
      return peer;
    };
    this.#listener = bun!.listen({ ...at, allowHalfOpen: true, socket: BunPeer.handlers(accept) });
  }

  get port(): number {
    return this.#listener.port;
  }

  accept(): Promise<Peer> {
    const peer = this.#arrived.shift();
    if (peer !== undefined) return Promise.resolve(peer);
    const waiting = deferred<BunPeer>();
    this.#waiting.push(waiting);
    return within(waiting.promise, "a raw connection to be accepted");
  }

  close(): void {
    this.#listener.stop(true);
  }
}
