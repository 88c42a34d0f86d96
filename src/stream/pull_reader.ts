/**
 * Reading a connection by asking for so much at a time: an exact number of bytes, or what a rule finds.
 *
 * @module
 */
import { OptionError, RingportError, StateError } from "../base/errors.ts";
import { bufferLimitMaxBytes, readableHighWaterMarkBytes } from "../base/limits.ts";
import { bytes } from "../base/option_kinds.ts";
import type { Window } from "../memory/window.ts";
import type { StreamConnection } from "./connection.ts";
import type { Reader } from "./extras.ts";
import { pauseFor, readToTheEnd, resumeFrom } from "./reading.ts";
import { Flag, State } from "./state.ts";
import { waitsForConnection } from "./tasks.ts";

/** One read. */
export interface Pull {
  /**
   * Looks at what lies from `start` to before `end`. Returns how many bytes it has taken, or -1 where more
   * must come. What it throws fails the read and takes nothing.
   */
  take(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): number;
  /** The peer has ended, and the bytes that are left are not enough. */
  ended(left: number): void;
  failed(error: unknown): void;
}

const lengths = bytes(0, bufferLimitMaxBytes);

/** Reads exactly `length` bytes. */
export function readExactly<D>(
  connection: StreamConnection<D>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!lengths.accepts(length)) {
    throw new OptionError("readExactly", "length", `the length must be ${lengths.wants}`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  pullReaderOf(connection, "readExactly").read({
    take(bytes, start, end) {
      if (end - start < length) return -1;
      resolve(bytes.slice(start, start + length));
      return length;
    },
    ended: (left) => reject(endedEarly(connection, left, length)),
    failed: reject,
  });
  return promise;
}

function endedEarly<D>(connection: StreamConnection<D>, left: number, length: number): RingportError {
  return new RingportError(`readExactly: the peer ended after ${left} of ${length} bytes`, {
    code: "ERR_UNEXPECTED_END",
    operation: "readExactly",
    origin: "application",
    connectionId: connection.id,
  });
}

/** The connection's reader, which is made by the first read. Throws where somebody else takes what comes. */
export function pullReaderOf<D>(connection: StreamConnection<D>, operation: string): PullReader {
  const extras = connection.needExtras();
  const { reader } = extras;
  if (reader instanceof PullReader) return reader;
  const taken = connection.config.handlers.data !== undefined
    ? "the connection has a data handler, which receives the data"
    : extras.readable !== undefined
    ? "the connection's stream is being read and receives the data"
    : undefined;
  if (taken !== undefined) throw busy(connection, operation, taken);
  const made = new PullReader(connection as unknown as StreamConnection);
  extras.reader = made;
  const { stateNumber } = connection;
  if (stateNumber === State.open || stateNumber === State.writeEnded) {
    connection.flags = (connection.flags | Flag.streaming) & ~Flag.discarding;
    resumeFrom(connection, Flag.unread);
  } else if (connection.extras?.error === undefined) {
    made.end();
  } else {
    made.fail(connection.extras.error);
  }
  return made;
}

function busy<D>(connection: StreamConnection<D>, operation: string, why: string): StateError {
  return new StateError(`${operation}: ${why}`, {
    code: "ERR_STATE",
    operation,
    origin: "application",
    connectionId: connection.id,
  });
}

/** Bytes of the first buffer; it doubles as needed. */
const bufferMinBytes = 1024;

export class PullReader implements Reader {
  readonly #connection: StreamConnection;
  /** What has come and was not taken lies between the two. */
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #pull: Pull | undefined = undefined;
  #ended = false;
  #error: Error | undefined = undefined;
  #over = false;

  constructor(connection: StreamConnection) {
    this.#connection = connection;
  }

  /** Nobody reads any more: the end was told. */
  get over(): boolean {
    return this.#over;
  }

  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Begins a read. One waits at a time. */
  read(pull: Pull): void {
    if (this.#pull !== undefined) {
      return pull.failed(busy(this.#connection, "read", "another read of the connection is in progress"));
    }
    this.#wait(pull);
    this.#serve();
  }

  /** Bytes have come: copied together with those that wait. */
  take(window: Window): void {
    this.#append(window.bytes);
    this.#serve();
    if (this.#pull === undefined && this.bufferedBytes >= readableHighWaterMarkBytes) {
      pauseFor(this.#connection, Flag.pausedByStream);
    }
  }

  end(): void {
    this.#ended = true;
    this.#serve();
  }

  fail(error: Error | undefined): void {
    this.#error ??= error;
    this.end();
  }

  /** The connection goes on to somebody else. */
  detach(): void {
    const pull = this.#pull;
    this.#wait(undefined);
    this.#over = true;
    this.#start = this.#end = 0;
    pull?.failed(busy(this.#connection, "read", "the lease of the connection was released"));
  }

  leave(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#pull !== undefined) return undefined;
    this.#over = true;
    return this.#bytes.slice(this.#start, this.#end);
  }

  /** A handler that waits in a read does no work meanwhile. */
  #wait(pull: Pull | undefined): void {
    if ((pull === undefined) !== (this.#pull === undefined)) {
      waitsForConnection(this.#connection, pull === undefined ? -1 : 1);
    }
    this.#pull = pull;
  }

  #serve(): void {
    const pull = this.#pull;
    if (pull === undefined) return;
    let taken;
    try {
      taken = pull.take(this.#bytes, this.#start, this.#end);
    } catch (error) {
      this.#wait(undefined);
      return pull.failed(error);
    }
    if (taken >= 0) {
      this.#wait(undefined);
      this.#start += taken;
      if (this.bufferedBytes >= readableHighWaterMarkBytes) return;
    } else if (this.#error !== undefined || this.#ended) {
      this.#wait(undefined);
      return this.#tellEnd(pull);
    }
    resumeFrom(this.#connection, Flag.pausedByStream);
  }

  #tellEnd(pull: Pull): void {
    const first = !this.#over;
    this.#over = true;
    if (this.#error !== undefined) return pull.failed(this.#error);
    pull.ended(this.bufferedBytes);
    if (first) readToTheEnd(this.#connection);
  }

  #append(bytes: Uint8Array): void {
    const length = this.bufferedBytes + bytes.length;
    if (this.#end + bytes.length > this.#bytes.length) {
      const old = this.#bytes.subarray(this.#start, this.#end);
      if (length > this.#bytes.length / 2) {
        this.#bytes = new Uint8Array(Math.max(bufferMinBytes, 2 * length));
        this.#bytes.set(old);
      } else {
        this.#bytes.copyWithin(0, this.#start, this.#end);
      }
      this.#end -= this.#start;
      this.#start = 0;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}
