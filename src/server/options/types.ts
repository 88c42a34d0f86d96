/**
 * The options of a server as an application writes them.
 *
 * @module
 */
import type { ListenLimitOptions } from "../../listen/types.ts";
import type { TimeoutOptions } from "../../stream/time_limits/types.ts";
import type { KeepAliveOptions } from "../../stream/types.ts";
import type { LogLevel, LogSink } from "../log/log.ts";

/** Limits that a listener may have of its own. */
export interface ListenerLimitOptions extends ListenLimitOptions {
  /** Connections at once from one address. 0, off, by default. */
  connectionsPerAddress?: number;
  /** New connections each second from one address. 0, off, by default. */
  ratePerAddress?: number;
  /** New connections from one address in one moment, above which its rate counts. 0, twice the rate. */
  burstPerAddress?: number;
}

/** Limits of the server. */
export interface LimitOptions extends Omit<ListenerLimitOptions, "connections"> {
  /**
   * Connections of all workers at once. "auto", by default, is what the system's limit of descriptors lets.
   */
  connections?: number | "auto";
  /** Connections at once of one worker. 0, no limit but its slots, by default. */
  connectionsPerWorker?: number;
  /** Handlers of one worker that wait for a promise at once. 2,048 by default; 0 is off. */
  tasks?: number;
  /** Bytes one worker holds for peers that have not taken them. 268,435,456 by default; 0 is off. */
  memory?: number;
  /** Milliseconds an address stays banned. 60,000 by default. */
  banTime?: number;
  /** Offences within `banTime` after which an address is banned. 0, never, by default. */
  banAfter?: number;
}

/** Who may say, by the PROXY protocol, on whose behalf a connection comes. */
export interface ProxyProtocolOptions {
  /** Addresses and networks (`"10.0.0.0/8"`) that begin with a PROXY header. None by default. */
  trusted?: string[];
  /** Milliseconds until the header must be there. 5,000 by default. */
  timeout?: number;
}

/** What one listener is and how its connections behave. */
export interface ListenerOptions {
  /** The name in statistics and in the log. The listener's place in the list by default. */
  name?: string;
  /** URL of the application's module. The server's own module by default. */
  application?: string;
  /** An IP address of this machine. `"0.0.0.0"` by default. */
  hostname?: string;
  /** The port; 0, the default, takes any that is free. */
  port?: number;
  /** Path of a Unix socket, in place of address and port. */
  unix?: string;
  /** Permission bits of the Unix socket's file. `0o600` by default. */
  mode?: number;
  /** Name or number of a socket that the service manager hands over (LISTEN_FDNAMES, LISTEN_FDS). */
  inherited?: string | number;
  /** Connections the kernel holds ready. 4,096 by default. */
  backlog?: number;
  /** With an IPv6 address: no IPv4. False by default. */
  ipv6Only?: boolean;
  /** Small writes go out at once. True by default. */
  noDelay?: boolean;
  /** Probes on a silent connection. False by default. */
  keepAlive?: boolean | KeepAliveOptions;
  /** Bytes of the kernel's receive buffer. The system's own by default. */
  receiveBuffer?: number;
  /** Bytes of the kernel's send buffer. The system's own by default. */
  sendBuffer?: number;
  /** Type of service, 0 to 255. The system's own by default. */
  typeOfService?: number;
  /** Bytes buffered above which `write` answers "queued". 65,536 by default. */
  highWaterMark?: number;
  /** Bytes buffered at which `drain` is called. 16,384 by default. */
  lowWaterMark?: number;
  /** Bytes buffered above which `write` refuses. 16,777,216 by default. */
  bufferLimit?: number;
  /** After "queued" read nothing more until `drain`. True by default. */
  autoPause?: boolean;
  /** Call an async `data` handler again before its promise has settled. False by default. */
  concurrent?: boolean;
  /** Milliseconds an ended connection waits for its peer. 5,000 by default. */
  lingerTimeout?: number;
  /** True: the peer ending its side never ends this side. False by default. */
  allowHalfOpen?: boolean;
  /** Time limits of its connections, and of those the application makes with `worker.connect`. */
  timeouts?: TimeoutOptions;
  /** Limits of its connections. */
  limits?: ListenerLimitOptions;
  /** Proxies whose PROXY headers are trusted. */
  proxyProtocol?: ProxyProtocolOptions;
}

/**
 * One UDP address of a server. On Linux every worker has a socket of its own at it, and the kernel sends the
 * datagrams of one sender always to the same worker while the number of workers stays the same
 * (SO_REUSEPORT, socket(7)). Windows has nothing like it: the first worker alone has the socket there.
 */
export interface UdpListenerOptions {
  /** The name in statistics and in the log. `"udp"`, or its place in the list where there are several. */
  name?: string;
  /** URL of the application's module. The server's own module by default. */
  application?: string;
  /** An IP address of this machine. `"0.0.0.0"` by default. */
  hostname?: string;
  /** The port; 0, the default, takes any that is free, the same one for all workers. */
  port?: number;
  /**
   * Name or number of a socket that the service manager hands over, in place of an address. Each worker takes
   * a copy, and a datagram goes to any of them. On Linux; with workers that are threads.
   */
  inherited?: string | number;
  /** With an IPv6 address: no IPv4. False by default. */
  ipv6Only?: boolean;
  /** Bytes of a received datagram at most; the rest is cut off. 2,048 by default. */
  datagramSize?: number;
  /** Bytes of the kernel's receive buffer. The system's own by default. */
  receiveBuffer?: number;
  /** Bytes of the kernel's send buffer. The system's own by default. */
  sendBuffer?: number;
  /** Type of service, 0 to 255. The system's own by default. */
  typeOfService?: number;
  /** Allow sending to broadcast addresses. False by default. */
  broadcast?: boolean;
  /** Routers a datagram may pass, 1 to 255. The system's own by default. */
  ttl?: number;
  /** Bytes waiting above which `send` answers "queued". 65,536 by default. */
  highWaterMark?: number;
  /** Bytes waiting at which `datagramDrain` is called. 16,384 by default. */
  lowWaterMark?: number;
  /** Bytes waiting above which `send` refuses. 16,777,216 by default. */
  bufferLimit?: number;
}

/** Milliseconds that each phase of a shutdown may take. */
export interface ShutdownOptions {
  /** Until all listeners are closed or handed on. 1,000 by default. */
  refusing?: number;
  /** From a worker's last completion until the connections that still run are closed. 10,000 by default. */
  draining?: number;
  /** The draining phase altogether. 60,000 by default. */
  maxDraining?: number;
  /** Until connections that are being closed are cut. 5,000 by default. */
  closing?: number;
  /** Until workers that do not end are given up. 1,000 by default. */
  aborting?: number;
}

/** When the supervisor thinks what of a worker. */
export interface SupervisorOptions {
  /** Milliseconds between two looks. 500 by default. */
  interval?: number;
  /** Milliseconds without a turn after which a worker is slow. 2,000 by default. */
  slowAfter?: number;
  /** Milliseconds without a turn after which a worker is stuck and replaced. 10,000 by default. */
  stuckAfter?: number;
  /** Milliseconds before a worker that died is replaced; doubles with each death. 100 by default. */
  backOff?: number;
  /** Milliseconds that grows to at most. 10,000 by default. */
  maxBackOff?: number;
  /**
   * Deaths within `deathsWindow` above which the server stops; a stuck worker that is replaced is one. 5 by
   * default.
   */
  maxDeaths?: number;
  /** Milliseconds in which deaths are counted. 60,000 by default. */
  deathsWindow?: number;
  /**
   * Threads that were given up as stuck and still run, above which the server stops (`ERR_THREADS_STUCK`). 4
   * by default.
   */
  maxAbandoned?: number;
  /** Milliseconds between two calls of the server to its own listeners; failures are logged. 0, off. */
  selfTest?: number;
}

/** When workers are added and retired, between `minWorkers` and `maxWorkers`. */
export interface ScalingOptions {
  /** Mean share of busy time above which a worker is added. 0.8 by default. */
  high?: number;
  /** Mean share of busy time under which a worker is retired. 0.3 by default. */
  low?: number;
  /** Milliseconds of one measurement. 1,000 by default. */
  interval?: number;
  /** Measurements above `high`, one after the other, before a worker is added. 3 by default. */
  holdUp?: number;
  /** Measurements under `low`, one after the other, before one is retired. 30 by default. */
  holdDown?: number;
}

/**
 * Where the server answers `/metrics`, `/stats.json` and `/healthz`. Off unless a port or a path is given.
 */
export interface MetricsOptions {
  /** The address. `"127.0.0.1"` by default: the figures are not for everybody. */
  hostname?: string;
  /** The port; 0 takes any that is free. */
  port?: number;
  /** Path of a Unix socket, in place of address and port. */
  unix?: string;
}

/**
 * The options of a server. The options of a listener at the top are those of the one listener, or, where
 * there are `listeners`, what each of these takes that does not say otherwise.
 *
 * @example
 * ```ts
 * import { checkServerOptions, type ServerOptions } from "@ringport/ringport";
 *
 * const options: ServerOptions = {
 *   port: 3000,
 *   workers: "auto",
 *   timeouts: { idle: 20_000 },
 *   limits: { connections: 50_000, connectionsPerAddress: 200 },
 *   metrics: { port: 9100 },
 * };
 * checkServerOptions(options);
 * ```
 */
export interface ServerOptions extends Omit<ListenerOptions, "name" | "limits"> {
  /** The listeners, where there are several. An empty list: the server accepts no connections. */
  listeners?: ListenerOptions[];
  /**
   * Addresses at which the application's `datagram` is called. None by default. A server that has some and
   * names neither `listeners` nor an address of its own accepts no connections.
   */
  udp?: UdpListenerOptions[];
  /** How much there may be, over all listeners. */
  limits?: LimitOptions;
  /** Workers; "auto", the default, is one for each logical core. */
  workers?: number | "auto";
  /** Workers at least, where their number follows the load. As many as `workers` by default. */
  minWorkers?: number;
  /** Workers at most, where their number follows the load. As many as `workers` by default. */
  maxWorkers?: number;
  /** What each worker is. "thread" by default. */
  isolation?: "thread" | "process";
  /** How connections come to the workers. "auto" by default. */
  spreading?: "auto" | "reusePort" | "handOver";
  /** Bytes of one segment, a power of two. 4,096 by default. */
  segmentSize?: number;
  /** Segments of a worker's ring. 4,096 by default. */
  segmentCount?: number;
  /** Records of a worker's submission ring, a power of two. 4,096 by default. */
  submissionRecords?: number;
  /** Records of a worker's completion ring, a power of two. 2,048 by default. */
  completionRecords?: number;
  /** Connections and listeners a worker has room for. 65,536 by default. */
  connectionSlots?: number;
  /** Timers a worker has room for. 131,072 by default. */
  timers?: number;
  /** Entries of all send queues of a worker together. 8,192 by default. */
  sendEntries?: number;
  /** Completions of one turn at most. 64 by default. */
  completionsPerTurn?: number;
  /** Bytes kept free in front of received bytes. 0 by default. */
  headroom?: number;
  /** Bytes kept free behind received bytes. 0 by default. */
  tailroom?: number;
  /** Look for mistakes with windows. False by default. */
  development?: boolean;
  /** Absolute path of the native library, instead of searching for it. */
  library?: string;
  /** How long a shutdown takes. */
  shutdown?: ShutdownOptions;
  /**
   * What SIGHUP does to `Server.run` on Linux. "auto", the default, shuts the server down where its standard
   * error is a terminal, and ignores the signal otherwise.
   */
  hangup?: "auto" | "ignore" | "shutdown";
  /** When a worker counts as slow, stuck or dead. */
  supervisor?: SupervisorOptions;
  /** When workers are added and retired. */
  scaling?: ScalingOptions;
  /** Where the figures can be fetched. */
  metrics?: MetricsOptions;
  /** Text for the applications, given to their `start` as `worker.argument`. None by default. */
  argument?: string;
  /** Path where a successor takes over the listeners: a Unix socket, on Windows a file. None by default. */
  restartPath?: string;
  /** Where the log goes: lines for people, lines of JSON, nowhere, or a function. "auto" by default. */
  log?: "auto" | "human" | "json" | "off" | LogSink;
  /** The least of what is logged. "info" by default. */
  logLevel?: LogLevel;
}

/** Options that hold options. */
export type OptionGroup =
  | "timeouts"
  | "limits"
  | "proxyProtocol"
  | "shutdown"
  | "supervisor"
  | "scaling"
  | "metrics";

type PathsIn<Options> = {
  [Key in keyof Options & string]: Key extends OptionGroup
    ? `${Key}.${keyof NonNullable<Options[Key]> & string}`
    : Key;
}[keyof Options & string];

/** The path of each option of a server: `"port"`, `"timeouts.idle"`. */
export type ServerOptionPath = PathsIn<Required<ServerOptions>>;

/** The path of each option of an entry of `listeners`. */
export type ListenerOptionPath = PathsIn<Required<ListenerOptions>>;
