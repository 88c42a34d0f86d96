/**
 * The other end of a datagram socket, made from the runtime's own sockets: what it sees and sends does not
 * depend on the library under test. Both runtimes have `node:dgram` without a flag.
 *
 * @module
 */
import { type Deferred, deferred, within } from "./wait.ts";

/** Not written into the import, so that its types, which need a package, are not looked for. */
const moduleName = "node:dgram";

/** One datagram as the peer got it. */
export interface PeerDatagram {
  bytes: Uint8Array;
  hostname: string;
  port: number;
}

interface DgramSocket {
  bind(port: number, address: string, bound: () => void): void;
  address(): { port: number };
  on(event: string, listener: (...values: never[]) => void): void;
  send(bytes: Uint8Array, port: number, address: string, sent: (error: Error | null) => void): void;
  close(): void;
}

/** A raw datagram socket on a port of its own. */
export class DatagramPeer implements Disposable {
  readonly port: number;
  readonly #socket: DgramSocket;
  readonly #datagrams: PeerDatagram[] = [];
  readonly #waiting: Deferred<PeerDatagram>[] = [];

  private constructor(socket: DgramSocket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (bytes: Uint8Array, from: { address: string; port: number }) => {
      const datagram = { bytes: new Uint8Array(bytes), hostname: from.address, port: from.port };
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) waiting.resolve(datagram);
      else this.#datagrams.push(datagram);
    });
    socket.on("error", () => {});
  }

  /** Opens one at an address of this machine. */
  static async open(hostname = "127.0.0.1"): Promise<DatagramPeer> {
    const { createSocket } = await import(moduleName) as { createSocket(kind: string): DgramSocket };
    const socket = createSocket(hostname.includes(":") ? "udp6" : "udp4");
    await within(
      new Promise<void>((resolve, reject) => {
        socket.on("error", reject as (...values: never[]) => void);
        socket.bind(0, hostname, resolve);
      }),
      "a raw datagram socket",
    );
    return new DatagramPeer(socket);
  }

  /** Resolves when the kernel has it. */
  send(bytes: Uint8Array, port: number, hostname = "127.0.0.1"): Promise<void> {
    const sent = deferred();
    this.#socket.send(
      bytes,
      port,
      hostname,
      (error) => error === null || error === undefined ? sent.resolve() : sent.reject(error),
    );
    return within(sent.promise, "a datagram to be sent");
  }

  /** The next datagram. */
  receive(): Promise<PeerDatagram> {
    const datagram = this.#datagrams.shift();
    if (datagram !== undefined) return Promise.resolve(datagram);
    const waiting = deferred<PeerDatagram>();
    this.#waiting.push(waiting);
    return within(waiting.promise, "a datagram");
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
