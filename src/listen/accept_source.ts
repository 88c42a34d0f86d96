/**
 * The source of a listener's connections, with the lifecycle that every source has: it keeps its loop in use,
 * is referenced or not, stops once, and ends.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { Flags } from "../base/layout.ts";
import type { AcceptedAddress } from "../base/peer_address.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { type ConnectionTable, socketsOf } from "../stream/table.ts";

/** Takes what a source accepts. */
interface AcceptTarget {
  /**
   * A connection has come, under its id or, from a source in raw mode, as a descriptor. The next accept
   * overwrites `peer`. False: the connection is not wanted, and the source cuts it.
   */
  accepted(number: number, peer: AcceptedAddress): boolean;
  /** The source accepts no more, on request or because the loop ends. */
  stopping?(): void;
  /** The source is gone; nothing comes any more. */
  ended?(): void;
}

/** How a source begins. */
export interface AcceptManner {
  /** Its connections begin without reading. */
  paused: boolean;
  /** Connections it may accept until it is allowed more; 0 for any number. */
  accepts: number;
}

/** A source of accepted connections: a bound socket, or descriptors that another loop has accepted. */
export abstract class AcceptSource {
  /** The id of the listening socket; undefined without one. */
  abstract readonly number: number | undefined;
  /** The address connections come to. */
  abstract readonly address: SocketAddress;
  readonly loop: EventLoop;
  /** Connections still to come: their descriptors have been given and the library has not answered. */
  pending = 0;
  /** Descriptors that were closed and never became connections. */
  discarded = 0;
  protected readonly engine: Engine;
  protected readonly tag: number;
  protected target: AcceptTarget | undefined = undefined;
  /** Connections it may still accept, undefined for any number. Under 0 when some came as it was lowered. */
  protected quota: number | undefined;
  readonly #table: ConnectionTable;
  readonly #ended = Promise.withResolvers<void>();
  #isStopped = false;
  #isEnded = false;
  #referenced = true;

  /** Throws a StateError if the loop is closed. */
  constructor(loop: EventLoop, accepts: number) {
    loop.retain();
    this.loop = loop;
    this.engine = loop.engine;
    this.#table = socketsOf(loop);
    this.tag = this.#table.nextTag();
    this.quota = accepts > 0 ? accepts : undefined;
  }

  /** Gives everything it accepts to `target` from now on. */
  begin(target: AcceptTarget): void {
    this.target = target;
    this.#table.addAcceptor(this.tag, this);
    this.engine.ref();
  }

  /** It accepts no more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves when it is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Accepts no more for now. */
  abstract pause(): void;

  /** Accepts again. */
  abstract resume(): void;

  /** Ends accepting in the library; `left` is called when that is done. `flags`: those of the close. */
  protected abstract end(flags: number): void;

  /** Connections it may still accept; Infinity for any number. */
  get allowed(): number {
    return this.quota ?? Infinity;
  }

  /** Sets how many connections it may accept from now on, if their number is limited. */
  allow(count: number): void {
    if (this.quota !== undefined) this.quota = count;
  }

  /** A connection has gone, and another one may come. */
  released(): void {
    if (this.quota !== undefined) this.allow(this.quota + 1);
  }

  /** Accepts no more, for good. What has been accepted stays. */
  stop(): void {
    this.stopWith(0);
  }

  /** As `stop`, when another process continues with the listening socket. */
  handOn(): Promise<void> {
    this.stopWith(Flags.handedOn);
    return this.ended;
  }

  /** Connections in the kernel's queue and how many it holds, where the system reports them. */
  backlog(): { length: number; limit: number } | undefined {
    return undefined;
  }

  /** The system's number of the listening socket. Throws a StateError without one. */
  abstract get descriptor(): number;

  /** Keeps the process alive until it is gone: the default. */
  ref(): void {
    if (this.#referenced || this.#isEnded) return;
    this.#referenced = true;
    this.engine.ref();
  }

  /** Does not keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.engine.unref();
  }

  protected stopWith(flags: number): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.target?.stopping?.();
    this.end(flags);
  }

  /** The last of it; also when the loop is lost. */
  left(): void {
    if (this.#isEnded) return;
    this.#isStopped = true;
    this.#isEnded = true;
    this.#table.removeAcceptor(this.tag);
    this.unref();
    this.target?.ended?.();
    this.#ended.resolve();
    this.loop.release();
  }
}
