/**
 * A pool as an application sees it: its options, targets, and counters.
 *
 * @module
 */
import type { Loop } from "../../loop/types.ts";
import type { ConnectOptions } from "../types.ts";
import type { SocketHandlers } from "../../stream/types.ts";

/**
 * How connections are made: the options of `connect` that make no difference between one acquire and the
 * next.
 */
export type PoolConnectOptions = Omit<
  ConnectOptions<undefined>,
  "socket" | "data" | "loop" | "signal" | "localPort"
>;

/** Options of {@linkcode createPool}. Times are in milliseconds; 0 turns a time off. */
export interface PoolOptions<D = undefined> {
  /** Connections to one destination at once, those on their way included. 16 by default. */
  connectionsPerHost?: number;
  /** Connections to all destinations together. 256 by default. */
  connections?: number;
  /**
   * How long an idle connection is kept: 4,000 by default, below the 5 s of the impatient ones among usual
   * servers, so that it is this side that ends it. It may outstay its time by a sixteenth.
   */
  idleTimeout?: number;
  /** Age above which a connection is not used again. No limit (0) by default. */
  lifetime?: number;
  /** How long an acquire may take, waiting and connecting together. 30,000 by default. */
  acquireTimeout?: number;
  /** Acquires that may wait for a connection; a further one fails with a LimitError. 1,024 by default. */
  maxWaiting?: number;
  /** Leases of one connection before it is closed. No limit (0) by default. */
  maxUses?: number;
  /**
   * Connects to one destination that fail in a row before the pool backs off from it. Never (0) by
   * default.
   */
  maxFailures?: number;
  /**
   * How long acquires of such a destination fail at once, with the last failure as cause, unless a
   * connection is idle. 1,000 by default; doubled by each further failure, to 32 times at most.
   */
  backOff?: number;
  /** How long `close` waits for leases before it aborts them. 5,000 by default; 0 does not wait. */
  closeTimeout?: number;
  /** The callbacks of a lease that brings none of its own. */
  socket?: SocketHandlers<D>;
  /**
   * Options of `connect` forevery destination, such as `noDelay` and the marks. One connect may take 10,000
   * ms by default (`timeouts.connect`), so that an acquire outlives one that gets no answer.
   */
  connect?: Partial<PoolConnectOptions>;
  /** The loop to run on. Left out: the thread's own. */
  loop?: Loop;
}

/** Times of one destination, instead of the pool's. In milliseconds; 0 turns a time off. */
export interface PoolTimeouts {
  /** How long an idle connection is kept. */
  idleTimeout?: number;
  /** Age above which a connection is not used again. */
  lifetime?: number;
}

/**
 * Where a lease is to lead: the options of `connect`, times that differ from the pool's, and what concerns
 * this lease alone.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { createPool, type PoolTarget } from "@ringport/ringport/pool";
 *
 * await using listener = listen({ hostname: "127.0.0.1", socket: { data() {} } });
 * await using pool = createPool({ idleTimeout: 4_000, connect: { timeouts: { connect: 5_000 } } });
 * const target = { hostname: "127.0.0.1", port: listener.port };
 * const near: PoolTarget = { ...target, timeouts: { connect: 500 }, idleTimeout: 60_000 };
 * const lease = await pool.acquire(near);
 * lease.release();
 * ```
 */
export interface PoolTarget<D = undefined> extends PoolConnectOptions, PoolTimeouts {
  /** The callbacks of this lease; with `data`, `connection.readable` cannot be read. */
  socket?: SocketHandlers<D>;
  /** First value of `connection.data` in this lease, or a function that makes it for each lease. */
  data?: D | (() => D);
  /** Abort gives up waiting: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Milliseconds this acquire may take, instead of the pool's `acquireTimeout`. */
  timeout?: number;
  /**
   * True: a connection that nobody has used, for a repetition after the peer has ended one that was. Where
   * the limits allow no further connection, an idle one gives way. False by default.
   */
  fresh?: boolean;
}

/** Why a connection left a pool. */
export interface PoolEvictions {
  /** Idle for longer than `idleTimeout`. */
  idle: number;
  /** Older than `lifetime`. */
  lifetime: number;
  /** Leased `maxUses` times. */
  uses: number;
  /** The peer ended it while it was idle. */
  peerEnded: number;
  /** It failed while it was idle: reset, or no longer answered by keep-alive. */
  failed: number;
  /** Bytes arrived while it was idle, which belong to no request. */
  unexpectedData: number;
  /** Released with bytes received and not read, or while paused. */
  unread: number;
  /** Released with bytes the kernel had not taken yet; they are sent before it closes. */
  buffered: number;
  /** Ended, closed or failed while it was leased. */
  ended: number;
  /** Released by `discard`, or by a `use` that threw. */
  discarded: number;
  /** Idle, and the pool was full when another destination needed a connection. */
  room: number;
  /** The pool was closed. */
  closed: number;
}

/** Counters of a pool, as they are now or since it was made. */
export interface PoolStatistics {
  /** Connections idle, leased or being checked. */
  open: number;
  /** Connections nobody uses, ready to be leased. */
  idle: number;
  /** Connections in use. */
  leased: number;
  /** Connections that have left and are not gone yet: they still count toward the limits. */
  closing: number;
  /** Connects on their way. */
  connecting: number;
  /** Acquires that have no connection yet. */
  waiting: number;
  /** Destinations known: with a connection, somebody waiting, or a failure remembered. */
  destinations: number;
  /** Connections made so far. */
  created: number;
  /** Leases so far of a connection that was leased before. */
  reused: number;
  /** Connects that failed so far. */
  failures: number;
  /** Acquires so far that took too long. */
  timeouts: number;
  /** Acquires refused so far by `maxWaiting`. */
  refused: number;
  /** Acquires refused so far by a back-off. */
  backedOff: number;
  /** Why connections left, so far. */
  evicted: PoolEvictions;
}
