/**
 * The configuration that the connections of one listener, or of one `connect`, share, so that each of them
 * stays small.
 *
 * @module
 */
import type { Role } from "../base/role.ts";
import {
  bufferLimitDefaultBytes,
  highWaterMarkDefaultBytes,
  lingerTimeoutDefaultMilliseconds,
  lowWaterMarkDefaultBytes,
} from "../base/limits.ts";
import type { SocketAddress } from "../base/address.ts";
import type { Segments } from "../memory/segments.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import type { PeerTable } from "./peer_address.ts";
import type { Sender } from "./sender.ts";
import type { Connection, ConnectionOptions, SocketHandlers } from "./types.ts";
import { configuredLimits, isLimited, type Limits } from "./time_limits/table.ts";
import type { TimeLimits } from "./time_limits/time_limits.ts";

/** Told when a connection of the configuration is gone. */
interface SharedConfigOwner<D> {
  /** The connection is gone; its `close` handler has been called. */
  left(connection: Connection<D>): void;
}

/** What all connections of a loop share. */
export interface LoopShared {
  readonly timeLimits: TimeLimits;
  readonly peers: PeerTable;
  readonly sender: Sender;
}

/** The first `data` of one connection, of the option of that name. */
export function firstDataOf<D>(data: D | (() => D) | undefined): D {
  return typeof data === "function" ? (data as () => D)() : data as D;
}

/** The common part of a number of connections. */
export class SharedConfig<D = unknown> {
  readonly loop: EventLoop;
  readonly engine: Engine;
  readonly segments: Segments;
  /** The first value of `connection.data`, or what makes it for each connection. */
  readonly data: D | (() => D);
  readonly allowHalfOpen: boolean;
  readonly highWaterMark: number;
  readonly lowWaterMark: number;
  readonly bufferLimit: number;
  readonly lingerTimeout: number;
  /** `data` handlers of one connection may run beside each other. */
  readonly concurrent: boolean;
  /** Reading pauses by itself until `drain`, once `write` has not answered "sent". */
  autoPause: boolean;
  readonly limits: Limits;
  /** Whether any of the limits is set. */
  readonly limited: boolean;
  readonly timeLimits: TimeLimits;
  readonly peers: PeerTable;
  readonly sender: Sender;
  handlers: SocketHandlers<D>;
  /** True when the application gave a handler table: without one, bytes wait for somebody who reads. */
  handled: boolean;
  owner: SharedConfigOwner<D> | undefined = undefined;
  /** The configuration its connections were opened with, where they have gone on with other handlers. */
  root: SharedConfig<D> | undefined = undefined;
  /** Raised when the connection changes hands: a promise of an earlier handler no longer concerns it. */
  generation = 0;
  /** Whether its connections were accepted or made by `connect`. */
  role: Role = "server";
  /** This end of all of them, where their listener is bound to one address alone. */
  localAddress: SocketAddress | undefined = undefined;
  /** Unix sockets, that know less options. */
  isUnix = false;
  /** Exceptions of handlers that no `error` handler took. */
  unhandledErrors = 0;

  constructor(loop: EventLoop, engine: Engine, shared: LoopShared, options: ConnectionOptions<D>) {
    this.loop = loop;
    this.engine = engine;
    this.segments = engine.segments;
    this.data = options.data as D | (() => D);
    this.allowHalfOpen = options.allowHalfOpen ?? false;
    this.bufferLimit = options.bufferLimit ?? Math.max(bufferLimitDefaultBytes, options.highWaterMark ?? 0);
    this.highWaterMark = options.highWaterMark ?? Math.min(highWaterMarkDefaultBytes, this.bufferLimit);
    this.lowWaterMark = options.lowWaterMark ?? Math.min(lowWaterMarkDefaultBytes, this.highWaterMark);
    this.lingerTimeout = options.lingerTimeout ?? lingerTimeoutDefaultMilliseconds;
    this.concurrent = options.concurrent ?? false;
    this.autoPause = options.autoPause ?? true;
    this.limits = configuredLimits(options);
    this.limited = isLimited(this.limits);
    this.timeLimits = shared.timeLimits;
    this.peers = shared.peers;
    this.sender = shared.sender;
    this.handlers = options.socket ?? {};
    this.handled = options.socket !== undefined;
  }

  /**
   * The same for connections with other handlers. They stay those of this configuration's owner,
   * whose `close` is called as well.
   */
  with(
    handlers: SocketHandlers<D>,
    changes: Partial<Pick<SharedConfig<D>, "autoPause" | "allowHalfOpen">> = {},
  ): SharedConfig<D> {
    const made: SharedConfig<D> = Object.create(SharedConfig.prototype);
    return Object.assign(made, this, changes, { handlers, handled: true, root: this });
  }
}
