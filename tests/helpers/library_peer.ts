/**
 * The other end of a connection over a loop of the library: for kernels in memory, which no socket of the
 * runtime reaches.
 *
 * @module
 */
import { connect, type Connection, ConnectionResetError, type Loop } from "../../src/mod.ts";
import type { Peer } from "./peer.ts";
import { type Deferred, deferred, within } from "./wait.ts";

/** Bytes above which it reads no further. */
const UNREAD_MAX = 20_000;

/** One end. */
export class LibraryPeer implements Peer {
  #connection!: Connection;
  #received: Uint8Array[] = [];
  #ended = false;
  #closed = false;
  #error: Error | undefined;
  #reader: Deferred<void> | undefined;
  #room: Deferred<void> | undefined;
  /** Bytes that have come and were not read. */
  unread = 0;

  /** Connects to a port of a loop's own kernel. */
  static async connect(loop: Loop, port: number): Promise<LibraryPeer> {
    const peer = new LibraryPeer();
    peer.#connection = await connect({
      hostname: "127.0.0.1",
      port,
      loop,
      lingerTimeout: 60_000,
      socket: {
        data: (connection, window) => {
          peer.#received.push(window.bytes.slice());
          peer.unread += window.length;
          if (peer.unread > UNREAD_MAX) connection.pause();
          peer.#reader?.resolve();
        },
        end: () => {
          peer.#ended = true;
          peer.#reader?.resolve();
        },
        drain: () => peer.#room?.resolve(),
        error: (_, error) => void (peer.#error ??= error),
        close: () => {
          peer.#closed = peer.#ended = true;
          peer.#reader?.resolve();
          peer.#room?.resolve();
        },
      },
    });
    return peer;
  }

  get localPort(): number {
    return this.#connection.localAddress.port;
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    this.#room = deferred();
    const result = this.#connection.write(bytes);
    if (result === "refused") throw this.#error ?? new Error("the connection ended while it was written to");
    if (result === "queued") await this.#room.promise;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#received.length === 0 && !this.#ended) {
      this.#reader = deferred();
      await this.#reader.promise;
      this.#reader = undefined;
    }
    const bytes = this.#received.shift();
    if (bytes !== undefined) {
      this.unread -= bytes.length;
      if (this.unread <= UNREAD_MAX) this.#connection.resume();
      return bytes;
    }
    if (this.#error !== undefined) throw this.#error;
    return null;
  }

  endWriting(): Promise<void> {
    this.#connection.shutdownWrite();
    return Promise.resolve();
  }

  close(): void {
    if (!this.#closed) this.#connection.end();
  }

  /** Resets the connection. */
  reset(): void {
    this.#connection.abort();
  }

  /** Closes it in order, and waits until it is gone. */
  async closeAndWait(): Promise<void> {
    this.close();
    const { error } = await within(this.#connection.closed, "the end of the connection");
    if (error !== undefined && !(error instanceof ConnectionResetError)) throw error;
  }
}
