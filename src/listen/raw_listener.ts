/**
 * A listener that hands its connections on: it tells each as a raw descriptor, for another loop to adopt.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { Flags, Operation } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { bindListener } from "./binding.ts";
import { checkListenOptions } from "./options.ts";
import type { BindOptions } from "./listen_address.ts";
import { type ConnectionTable, socketsOf } from "../stream/table.ts";

/** Of the options of `listen` those that concern the sockets; accepted ones inherit theirs. */
export type RawListenOptions = BindOptions;

/**
 * Takes a descriptor, which is the callee's from then on: it must reach {@linkcode AdoptingListener.adopt} of
 * some loop or `discard` of the library. The peer's address: an `AddressFamily`, the words of its sixteen
 * bytes in network order, of which IPv4 is the first, and its port. Must not throw; where it does, the
 * descriptor is closed.
 */
export type DescriptorTaker = (
  descriptor: number,
  family: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  port: number,
) => void;

/** How a raw listener begins. */
export interface RawManner {
  /** It accepts nothing before `resume`. False by default. */
  paused?: boolean;
  /** It accepts only what {@linkcode RawListener.allow} says; one connection before. False by default. */
  rationed?: boolean;
}

/** Listens on `loop` and gives every accepted descriptor to `take`. Throws as `listen` does. */
export function listenRaw(
  loop: EventLoop,
  options: RawListenOptions,
  take: DescriptorTaker,
  manner: RawManner = {},
): RawListener {
  if (typeof take !== "function") {
    throw new OptionError("listen", "take", "listenRaw wants a function that takes the descriptors");
  }
  checkListenOptions(options);
  loop.retain();
  try {
    return new RawListener(loop, options, take, manner);
  } catch (error) {
    loop.release();
    throw error;
  }
}

/** Made by {@linkcode listenRaw}. */
export class RawListener implements AsyncDisposable {
  /** The address bound. */
  readonly address: SocketAddress;
  readonly #loop: EventLoop;
  readonly #engine: Engine;
  readonly #table: ConnectionTable;
  readonly #take: DescriptorTaker;
  readonly #tag: number;
  readonly #id: number;
  readonly #gone = Promise.withResolvers<void>();
  #stopped = false;
  #handedOn = false;
  #paused = false;
  #referenced = true;
  /** A fault was reported. */
  #reported = false;
  /** Connections it may still accept; undefined for any number. Under 0 when some came as it was lowered. */
  #allowed: number | undefined = undefined;

  /** Use {@linkcode listenRaw}. */
  constructor(loop: EventLoop, options: RawListenOptions, take: DescriptorTaker, manner: RawManner) {
    const { paused = false, rationed = false } = manner;
    this.#loop = loop;
    this.#engine = loop.engine;
    this.#table = socketsOf(loop);
    this.#take = take;
    this.#paused = paused;
    this.#tag = this.#table.nextTag();
    const accepts = rationed ? 1 : 0;
    this.#allowed = rationed ? accepts : undefined;
    const bound = bindListener(this.#engine, this.#tag, options, { handOver: true, paused, accepts });
    this.#id = bound.id;
    this.address = bound.address;
    this.#table.addAcceptor(this.#tag, {
      number: this.#id,
      acceptedRaw: (descriptor, ...peer) => this.#accepted(descriptor, ...peer),
      stop: () => this.stop(),
      left: () => this.#left(),
    });
    this.#engine.ref();
  }

  /** The port bound. */
  get port(): number {
    return this.address.port;
  }

  /** Accepts no more for now; new connections wait in the kernel's queue. */
  pause(): void {
    if (this.#paused || this.#stopped) return;
    this.#paused = true;
    this.#engine.submit(Operation.pause, this.#id);
  }

  /** Accepts again. */
  resume(): void {
    if (!this.#paused || this.#stopped) return;
    this.#paused = false;
    this.#engine.submit(Operation.resumeReading, this.#id);
  }

  /** Connections a rationed listener may still accept; Infinity where it is not rationed. */
  get allowed(): number {
    return this.#allowed ?? Infinity;
  }

  /** Sets how many connections a rationed listener may accept from now on. The others wait in the kernel. */
  allow(count: number): void {
    if (this.#allowed === undefined || this.#stopped || count === this.#allowed) return;
    // The library adds what it is told, in 32 bits: so what it has accepted meanwhile is counted as well.
    this.#engine.submit(Operation.allowAccepts, this.#id, (count - this.#allowed) >>> 0);
    this.#allowed = count;
  }

  /** Accepts no more, for good. What the kernel had accepted already is closed. */
  stop(): void {
    this.#end(0);
  }

  /**
   * As `handOn` of a listener: another process has the socket and goes on with it. What the kernel has
   * accepted already is still handed over; resolves when there is no more.
   */
  handOn(): Promise<void> {
    if (!this.#stopped) this.#handedOn = true;
    this.#end(Flags.handedOn);
    return this.#gone.promise;
  }

  /** The system's number of the listening socket. */
  get descriptor(): number {
    return this.#engine.native.descriptorOf(this.#id >>> 0);
  }

  /** As `backlog` of a listener. */
  backlog(): { length: number; limit: number } | undefined {
    return this.#stopped ? undefined : this.#engine.native.listenerQueue(this.#id >>> 0);
  }

  #end(flags: number): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#engine.submit(Operation.close, this.#id, 0, flags);
  }

  /** Accepts no more, for good; resolves when the address is free again. */
  close(): Promise<void> {
    this.stop();
    return this.#gone.promise;
  }

  /** Does not keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#engine.unref();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accepted(...[descriptor, ...peer]: Parameters<DescriptorTaker>): void {
    if (this.#allowed !== undefined) this.#allowed -= 1;
    if (this.#stopped && !this.#handedOn) return void this.#engine.native.discard(descriptor);
    try {
      this.#take(descriptor, ...peer);
    } catch (error) {
      this.#engine.native.discard(descriptor);
      this.#engine.faults.tell("handing a connection on failed", error, !this.#reported);
      this.#reported = true;
    }
  }

  #left(): void {
    this.#stopped = true;
    this.#table.removeAcceptor(this.#tag);
    this.unref();
    this.#gone.resolve();
    this.#loop.release();
  }
}
