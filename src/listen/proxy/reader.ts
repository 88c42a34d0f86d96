/**
 * A connection from a trusted proxy until its PROXY header is read. The application does not see it yet.
 *
 * @module
 */
import { RingportError, TimeoutError } from "../../base/errors.ts";
import { Status } from "../../base/layout.ts";
import type { TimerTarget } from "../../loop/timers.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import type { ProxyHeader } from "../../stream/proxy_header.ts";
import { ProxyParser } from "./proxy_protocol.ts";
import type { HeaderReader } from "../../stream/origin.ts";
import { Flag, State } from "../../stream/state.ts";

export class ProxyReader implements HeaderReader, TimerTarget {
  readonly #connection: StreamConnection;
  readonly #milliseconds: number;
  readonly #read: (header: ProxyHeader) => void;
  readonly #failed: (error: Error) => void;
  readonly #parser = new ProxyParser();
  #timer: number;

  /**
   * `read` is called with the header, before the bytes behind it are delivered; it takes the connection on or
   * cuts it. `failed` is called when the header was wrong or did not come, and cuts it.
   */
  constructor(
    connection: StreamConnection,
    milliseconds: number,
    read: (header: ProxyHeader) => void,
    failed: (error: Error) => void,
  ) {
    this.#connection = connection;
    this.#milliseconds = milliseconds;
    this.#read = read;
    this.#failed = failed;
    connection.flags |= Flag.beforeHeader;
    this.#timer = connection.config.engine.timers.arm(milliseconds, this);
  }

  /** Bytes have come, with one hold. Those behind the header are delivered where they lie. */
  take(segment: number, offset: number, length: number): void {
    const connection = this.#connection;
    const { segments } = connection.config;
    // Closed by this side before the header was there.
    if (connection.stateNumber !== State.open) return segments.release(segment, offset, length);
    const position = segment * segments.size + offset;
    const taken = this.#parser.take(segments.bytes.subarray(position, position + length));
    const { header, fault } = this.#parser;
    if (header === undefined) {
      segments.release(segment, offset, length);
      if (fault !== undefined) this.#fail(`the PROXY header ${fault}`);
      return;
    }
    this.end();
    this.#read(header);
    if (isCut(connection)) return segments.release(segment, offset, length);
    const end = offset + taken;
    // Each segment has one hold: those the header alone lay in are given back.
    const behind = taken === length ? segments.covered(offset, length) : Math.floor(end / segments.size);
    if (behind > 0) segments.release(segment, offset, Math.min(length, behind * segments.size - offset));
    if (taken === length) return;
    connection.received(segment + behind, end - behind * segments.size, length - taken);
  }

  /** The peer has ended its side, or reading has failed. */
  ended(status: number): void {
    const ended = status === Status.endOfStream;
    this.#fail(
      ended
        ? "the connection ended before its PROXY header"
        : "the connection failed before its PROXY header",
    );
  }

  timerDue(): void {
    this.#timer = -1;
    this.end();
    const message = `no PROXY header came within ${this.#milliseconds} ms`;
    this.#failed(new TimeoutError(message, details(this.#connection)));
  }

  /** It is over, whatever way. */
  end(): void {
    const connection = this.#connection;
    if (this.#timer >= 0) connection.config.engine.timers.cancel(this.#timer);
    this.#timer = -1;
    connection.flags &= ~Flag.beforeHeader;
    if (connection.origin !== undefined) connection.origin.headerReader = undefined;
  }

  #fail(message: string): void {
    this.end();
    this.#failed(new RingportError(message, details(this.#connection)));
  }
}

function isCut({ stateNumber }: StreamConnection): boolean {
  return stateNumber === State.aborting || stateNumber === State.closed;
}

function details(connection: StreamConnection) {
  return { code: "ERR_PROXY_PROTOCOL", operation: "receive", connectionId: connection.id } as const;
}
