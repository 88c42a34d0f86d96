/**
 * A listener without a socket of its own: its connections come as descriptors that another loop has accepted.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { Flags, Operation, Status } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import { AcceptedQueue } from "./accepted_queue.ts";
import type { Refusals } from "./admission.ts";
import type { StreamConnection } from "../stream/connection.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { AcceptFilter, type AcceptFilterOptions } from "./accept_filter.ts";
import { SharedConfig } from "../stream/shared_config.ts";
import { checkHandlers } from "../stream/options.ts";
import { checkListenOptions } from "./options.ts";
import { applyUnixOptions } from "../stream/socket_options.ts";
import { type PeerWords, readPeer, unknownPeer } from "../stream/peer_address.ts";
import { type ConnectionTable, socketsOf } from "../stream/table.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";

/** Options as those of `listen`, without what concerns the socket that listens. */
export interface AdoptOptions<D = undefined> extends AcceptFilterOptions<D> {
  /** The loop the connections run on. */
  loop: EventLoop;
  /** Connections at once; a further descriptor is closed. No limit by default but the loop's own. */
  connections?: number;
}

/**
 * Makes a listener whose connections come by {@linkcode AdoptingListener.adopt} alone. `address`: where they
 * were accepted.
 */
export function adoptingListener<D = undefined>(
  options: AdoptOptions<D>,
  address: SocketAddress = { hostname: "0.0.0.0", port: 0, family: "IPv4" },
): AdoptingListener<D> {
  checkListenOptions(options);
  options.loop.retain();
  return new AdoptingListener(options, address);
}

/**
 * Made by {@linkcode adoptingListener}. Options of the sockets themselves (`noDelay`, `keepAlive`, buffers)
 * are inherited from the listener that accepted them and have no effect here, but for the send buffer of Unix
 * sockets, which is not.
 */
export class AdoptingListener<D = undefined> implements AsyncDisposable, AsyncIterable<Connection<D>> {
  readonly #loop: EventLoop;
  readonly #engine: Engine;
  readonly #table: ConnectionTable;
  readonly #config: SharedConfig<D>;
  readonly #tag: number;
  readonly #gate: AcceptFilter<D>;
  readonly #connectionsMax: number;
  readonly #startPaused: boolean;
  readonly #options: AdoptOptions<D>;
  readonly #queue = new AcceptedQueue<D>(() => {});
  readonly #gone = Promise.withResolvers<void>();
  #stopped = false;
  /** What is still on its way is to be cut as well. */
  #cutting = false;
  #closed = false;
  #count = 0;
  /** The peers of descriptors the library has not answered yet: it answers in their order. */
  readonly #pending: (PeerWords | undefined)[] = [];
  #refused = 0;
  #referenced = true;

  /** Use {@linkcode adoptingListener}. */
  constructor(options: AdoptOptions<D>, address: SocketAddress) {
    const { loop } = options;
    this.#options = options;
    this.#loop = loop;
    this.#engine = loop.engine;
    this.#table = socketsOf(loop);
    this.#config = new SharedConfig<D>(loop, loop.engine, socketsOf(loop), options);
    const leave = () => {
      this.#count -= 1;
      this.#loop.release();
    };
    this.#gate = new AcceptFilter<D>(this.#config, options, {
      opened: (connection) => this.#open(connection),
      turnedAway: leave,
      left: leave,
    });
    this.#gate.listensAt(address);
    this.#connectionsMax = options.connections ?? Infinity;
    this.#startPaused = this.#gate.startsPaused;
    this.#tag = this.#table.nextTag();
    this.#table.addAcceptor(this.#tag, {
      number: undefined,
      adopted: (id, status) => this.#adopted(id, status),
      stop: () => this.stop(),
      left: () => this.#left(),
    });
    this.#engine.ref();
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#count;
  }

  /** Connections that were cut before the application saw them, by reason; `limit` has those refused here. */
  get refusals(): Refusals {
    const counted = this.#gate.counted();
    return { ...counted, limit: counted.limit + this.#refused };
  }

  /** Descriptors the library has not answered yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Descriptors closed: the limit was reached, the listener has stopped, or the library refused them. */
  get refusedCount(): number {
    return this.#refused;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Makes a connection out of the descriptor of an accepted socket, which belongs to this loop from now on:
   * one that cannot be a connection is closed. `peer` is the address that came with its accept; without it
   * the system is asked, which knows it as long as the peer is there. False: it was closed at once, since the
   * listener has stopped or is at its limit.
   */
  adopt(descriptor: number, peer?: PeerWords): boolean {
    if (this.#stopped || this.#count + this.#pending.length >= this.#connectionsMax) {
      this.#refused += 1;
      this.#engine.native.discard(descriptor);
      return false;
    }
    const taken = this.#engine.submitAdopt(descriptor, this.#tag, this.#startPaused ? Flags.paused : 0);
    if (taken) this.#pending.push(peer);
    else this.#refused += 1;
    return taken;
  }

  /**
   * Adopts no more, for good. What was given before still becomes a connection.
   *
   * @param closeActiveConnections true: aborts the connections too, those on their way as well. They stay by
   * default.
   */
  stop(closeActiveConnections = false): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#queue.end();
      if (this.#pending.length === 0) this.#left();
    }
    if (!closeActiveConnections) return;
    this.#cutting = true;
    for (const connection of this.connections()) connection.abort();
  }

  /** The connections open now, in no particular order. */
  connections(): Connection<D>[] {
    return this.#gate.connections();
  }

  /** Adopts no more, for good; resolves when every descriptor given has been answered. Connections stay. */
  close(): Promise<void> {
    this.stop();
    return this.#gone.promise;
  }

  /** Takes other handlers, for the connections there are as well. */
  reload(options: { socket: SocketHandlers<D> }): void {
    checkHandlers("reload", options.socket);
    this.#config.handlers = options.socket;
    this.#config.handled = true;
  }

  /** Keeps the process alive while it may adopt: the default. */
  ref(): void {
    if (this.#referenced || this.#closed) return;
    this.#referenced = true;
    this.#engine.ref();
  }

  /** Does not keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#engine.unref();
  }

  /** The connections as they are adopted. Ends when the listener stops. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection<D>> {
    return this.#queue.iterate();
  }

  /** Stops and aborts its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop(true);
    await this.#gone.promise;
  }

  #adopted(id: number, status: number): void {
    const peer = this.#pending.shift();
    if (status !== Status.ok) this.#refused += 1;
    else if (this.#stopped && this.#unwanted) this.#cut(id);
    else this.#enter(id, peer);
    if (this.#stopped && this.#pending.length === 0) this.#left();
  }

  #cut(id: number): void {
    this.#refused += 1;
    this.#engine.submit(Operation.abort, id);
  }

  /** Nobody would take a connection that comes now. */
  get #unwanted(): boolean {
    return this.#cutting || this.#loop.ending || !this.#config.handled;
  }

  #enter(id: number, told: PeerWords | undefined): void {
    if (this.#config.isUnix) applyUnixOptions(this.#engine, id, this.#options);
    this.#loop.retain();
    this.#count += 1;
    const peer = told ?? readPeer(this.#engine, id) ?? unknownPeer;
    const { family, word0, word1, word2, word3, port } = peer;
    this.#gate.enter(id, family, word0, word1, word2, word3, port);
  }

  #open(connection: StreamConnection<D>): void {
    const given = !this.#config.handled || this.#queue.active;
    if (given && this.#stopped) return connection.abort();
    connection.opened(this.#gate.beginsUnread(connection), given);
    if (given) this.#queue.push(connection);
  }

  #left(): void {
    if (this.#closed) return;
    this.#stopped = true;
    this.#closed = true;
    this.#table.removeAcceptor(this.#tag);
    this.unref();
    this.#gone.resolve();
    this.#loop.release();
  }
}
