/**
 * A listening socket of the loop: bound by it, inherited, or given as a descriptor.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { BACKLOG_DEFAULT, Flags, LISTEN_REQUEST_SIZE, Operation } from "../base/layout.ts";
import type { AcceptedAddress } from "../base/peer_address.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { statusPlace } from "../stream/socket_address.ts";
import { applySocketOptions } from "../stream/socket_options.ts";
import { socketAddress } from "../stream/socket_address.ts";
import { type AcceptManner, AcceptSource } from "./accept_source.ts";
import { type BindOptions, checkInheritedUnix, placeOfListen } from "./listen_address.ts";
import { writeListenRequest } from "./listen_request.ts";
import { checkListenOptions } from "./options.ts";

/**
 * Takes an accepted socket as a raw descriptor, which is the callee's from then on: it must reach `adopt` of
 * a {@linkcode HandedSource} or be discarded. The next accept overwrites `peer`. If the callee throws, the
 * descriptor is closed.
 */
export type DescriptorTaker = (descriptor: number, peer: AcceptedAddress) => void;

/** How a source in raw mode begins. */
interface RawManner {
  /** It accepts nothing before `resume`. False by default. */
  paused?: boolean;
  /** It accepts only what `allow` says; one connection before. False by default. */
  rationed?: boolean;
}

/**
 * Listens on `loop` in raw mode: no accepted socket becomes a connection of this loop, each goes to `take` as
 * a descriptor for another loop. Throws as `listen` does.
 */
export function listenRaw(
  loop: EventLoop,
  options: BindOptions,
  take: DescriptorTaker,
  { paused = false, rationed = false }: RawManner = {},
): BoundSource {
  checkListenOptions(options);
  const source = new BoundSource(loop, options, { paused, accepts: rationed ? 1 : 0 }, true);
  let isReported = false;
  source.begin({
    accepted(descriptor, peer) {
      try {
        take(descriptor, peer);
        return true;
      } catch (error) {
        loop.engine.faults.tell("handing a connection on failed", error, !isReported);
        isReported = true;
        return false;
      }
    },
  });
  return source;
}

export class BoundSource extends AcceptSource implements AsyncDisposable {
  readonly address: SocketAddress;
  readonly number: number;
  #isPaused: boolean;
  #isHandedOn = false;

  /**
   * Binds. Throws what `listen` throws.
   *
   * @param raw accepted sockets are reported as descriptors; `paused` then concerns the listening socket.
   */
  constructor(loop: EventLoop, options: BindOptions, manner: AcceptManner, raw = false) {
    super(loop, manner.accepts);
    this.#isPaused = raw && manner.paused;
    try {
      this.number = bind(this.engine, this.tag, options, manner, raw);
      this.address = configure(this.engine, this.number, options);
    } catch (error) {
      loop.release();
      throw error;
    }
  }

  /** The port bound. */
  get port(): number {
    return this.address.port;
  }

  override get descriptor(): number {
    return this.engine.descriptorOf(this.number);
  }

  override backlog(): { length: number; limit: number } | undefined {
    return this.isStopped ? undefined : this.engine.native.listenerQueue(this.number >>> 0);
  }

  override pause(): void {
    if (this.#isPaused || this.isStopped) return;
    this.#isPaused = true;
    this.engine.submit(Operation.pause, this.number);
  }

  override resume(): void {
    if (!this.#isPaused || this.isStopped) return;
    this.#isPaused = false;
    this.engine.submit(Operation.resumeReading, this.number);
  }

  /** The library adds the number, in 32 bits, so that connections accepted meanwhile are counted too. */
  override allow(count: number): void {
    if (this.quota === undefined || this.isStopped || count === this.quota) return;
    this.engine.submit(Operation.allowAccepts, this.number, (count - this.quota) >>> 0);
    this.quota = count;
  }

  /** Accepts no more, for good; resolves when the address is free. */
  close(): Promise<void> {
    this.stop();
    return this.ended;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The library has accepted a connection. */
  accepted(id: number, peer: AcceptedAddress): void {
    if (this.quota !== undefined) this.quota -= 1;
    // Accepted in the same turn in which the listener stopped.
    if (this.isStopped || !this.target!.accepted(id, peer)) this.engine.submit(Operation.abort, id);
  }

  /** The library has accepted a socket in raw mode. A listener that is handed on gives on to the last. */
  acceptedRaw(descriptor: number, peer: AcceptedAddress): void {
    if (this.quota !== undefined) this.quota -= 1;
    const isWanted = !this.isStopped || this.#isHandedOn;
    if (!isWanted || !this.target!.accepted(descriptor, peer)) this.engine.native.discard(descriptor);
  }

  protected override end(flags: number): void {
    this.#isHandedOn = flags === Flags.handedOn;
    this.engine.submit(Operation.close, this.number, 0, flags);
  }
}

function bind(
  engine: Engine,
  tag: number,
  options: BindOptions,
  { paused, accepts }: AcceptManner,
  raw: boolean,
): number {
  const place = placeOfListen(options);
  const segment = writeListenRequest(engine.segments, {
    place,
    mode: options.mode ?? 0,
    replaceStale: options.replaceStale ?? true,
    removePath: options.removePath ?? place.kind === "unix",
    backlog: options.backlog ?? BACKLOG_DEFAULT,
    ipv6Only: options.ipv6Only ?? false,
    reusePort: options.reusePort ?? false,
    noDelay: options.noDelay ?? true,
    paused,
    handOver: raw,
  });
  return engine.listenNow(segment, LISTEN_REQUEST_SIZE, tag, statusPlace("listen", place), accepts);
}

/** Sets the options of a bound socket and returns its address; closes it if that fails. */
function configure(engine: Engine, id: number, options: BindOptions): SocketAddress {
  try {
    const bound = socketAddress(engine, id, "local");
    // The library binds a relative path from the root; the address contains it as it was given.
    const address = options.unix === undefined ? bound : { ...bound, path: options.unix };
    if (address.family === "Unix") checkInheritedUnix(options);
    else applySocketOptions(engine, id, "listen", options);
    return address;
  } catch (error) {
    // A socket that was given to this listener goes back as it came.
    engine.submit(Operation.close, id, 0, options.unix === undefined ? Flags.handedOn : 0);
    throw error;
  }
}
